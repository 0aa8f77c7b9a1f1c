/* What is counted over a whole capture, whichever way it is replayed. */
#ifndef FTUN_REPLAY_SUMMARY_H
#define FTUN_REPLAY_SUMMARY_H

#include "refusal.h"

#include <stdbool.h>
#include <stdint.h>

/* How often, and the number of the first packet. */
struct ftun_tally {
    uint64_t count, first;
};

struct ftun_summary {
    uint64_t frames;
    uint64_t ip_bytes;    /* captured */
    uint64_t duration_ns; /* from the first frame to the last */
    struct ftun_tally refused[FTUN_REFUSAL_COUNT];
    struct ftun_tally not_ip, no_frame, cut; /* enum ftun_sight */
    bool broken;                             /* the capture could not be read to its end */
};

static inline void ftun_tally_add(struct ftun_tally *tally, uint64_t number, uint64_t count)
{
    if (tally->count == 0 && count > 0)
        tally->first = number;
    tally->count += count;
}

#endif
