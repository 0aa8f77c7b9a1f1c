#include "corpus.h"

#include "siphash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PLACES = 2 * FTUN_CORPUS_MAX /* of the set of hashes: it stays half empty */ };

static void take_stem(struct ftun_corpus *corpus, const char *capture)
{
    const char *slash = strrchr(capture, '/');
    const char *name = slash == NULL ? capture : slash + 1;
    if (strcmp(name, "-") == 0)
        name = "stdin";
    const char *dot = strrchr(name, '.');
    const int len = dot == NULL || dot == name ? (int)strlen(name) : (int)(dot - name);
    snprintf(corpus->stem, sizeof corpus->stem, "%.*s", len, name);
}

bool ftun_corpus_open(struct ftun_corpus *corpus, const char *directory, const char *capture,
                      struct ftun_error *error)
{
    *corpus = (struct ftun_corpus){.directory = directory,
                                   .known = calloc(PLACES, sizeof *corpus->known)};
    take_stem(corpus, capture);
    if (corpus->known == NULL)
        return ftun_fail(error, "no memory");
    if (mkdir(directory, 0777) == 0 || errno == EEXIST)
        return true;
    return ftun_fail(error, "cannot make the directory %s: %s", directory, strerror(errno));
}

/* True when the hash is in the set by now, and was not before. */
static bool is_new(struct ftun_corpus *corpus, const uint8_t *data, size_t len)
{
    static const struct ftun_hash_key key;
    uint64_t hash = ftun_siphash(&key, data, len);
    hash += hash == 0 ? 1 : 0;
    size_t place = hash % PLACES;
    while (corpus->known[place] != 0 && corpus->known[place] != hash)
        place = (place + 1) % PLACES;
    const bool new = corpus->known[place] == 0;
    corpus->known[place] = hash;
    return new;
}

static bool write_file(const char *path, const uint8_t *data, size_t len, struct ftun_error *error)
{
    FILE *file = fopen(path, "wbe");
    const bool written = file != NULL && fwrite(data, 1, len, file) == len;
    const bool closed = file != NULL && fclose(file) == 0;
    return (written && closed) || ftun_fail(error, "cannot write %s: %s", path, strerror(errno));
}

bool ftun_corpus_add(struct ftun_corpus *corpus, const struct ftun_intake_packet *packet,
                     struct ftun_error *error)
{
    const struct ftun_tunnel_packet *p = &packet->packet;
    if (packet->sight != FTUN_SIGHT_PACKET || packet->cut || corpus->count == FTUN_CORPUS_MAX ||
        !is_new(corpus, p->data, p->len))
        return true;
    corpus->count++;
    char path[4096];
    const int len = snprintf(path, sizeof path, "%s/%s-%llu", corpus->directory, corpus->stem,
                             (unsigned long long)packet->number);
    if (len < 0 || (size_t)len >= sizeof path)
        return ftun_fail(error, "the name of the directory %s is too long", corpus->directory);
    return write_file(path, p->data, p->len, error);
}

void ftun_corpus_close(struct ftun_corpus *corpus)
{
    free(corpus->known);
}
