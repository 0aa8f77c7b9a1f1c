/* How far a large file has been read, for people who wait: a line on the standard error that
 * rewrites itself, if that is a terminal. */
#ifndef FTUN_REPLAY_PROGRESS_H
#define FTUN_REPLAY_PROGRESS_H

#include <stdint.h>

struct ftun_progress {
    uint64_t total; /* bytes; 0: nothing is shown */
    uint64_t next;  /* bytes at which the line changes */
};

/* Begin with the file at `path`; small ones and pipes show nothing. */
void ftun_progress_start(struct ftun_progress *progress, const char *path);

void ftun_progress_draw(struct ftun_progress *progress, uint64_t bytes);

/* `bytes` have been read. */
static inline void ftun_progress_note(struct ftun_progress *progress, uint64_t bytes)
{
    if (progress->total > 0 && bytes >= progress->next)
        ftun_progress_draw(progress, bytes);
}

/* Take the line away. */
void ftun_progress_end(const struct ftun_progress *progress);

#endif
