/* Packets of a capture as seeds for the fuzzers: one file each, raw bytes from the IP header on,
 * which is what the fuzz target "packet" reads. */
#ifndef FTUN_REPLAY_CORPUS_H
#define FTUN_REPLAY_CORPUS_H

#include "error.h"
#include "intake.h"

#define FTUN_CORPUS_MAX 65536u /* distinct packets; more would be no seeds */

struct ftun_corpus {
    const char *directory;
    char stem[128];  /* the capture's name without folders and extension */
    uint64_t *known; /* hashes of what is written, open addressing; 0: free */
    size_t count;
};

/* Make the directory unless it is there. False and the reason. */
bool ftun_corpus_open(struct ftun_corpus *corpus, const char *directory, const char *capture,
                      struct ftun_error *error);

/* Write a packet to <directory>/<stem>-<number> unless its like has been written. False and the
 * reason. */
bool ftun_corpus_add(struct ftun_corpus *corpus, const struct ftun_intake_packet *packet,
                     struct ftun_error *error);

void ftun_corpus_close(struct ftun_corpus *corpus);

#endif
