/* A capture replayed with its packets cut at every length: what a reader beyond the end would need
 * to be found, under a sanitizer. */
#ifndef FTUN_REPLAY_SWEEP_H
#define FTUN_REPLAY_SWEEP_H

#include "pass.h"

/* The cut length behind `snap`, of packets up to `longest` bytes: each one up to 128, where headers
 * end, and of the last 64; between them, 64 steps. */
size_t ftun_sweep_next(size_t snap, size_t longest);

/* Replay for each length and print one summary to `out`. The result of the worst pass; any but
 * FTUN_REPLAY_OK comes with a reason. */
enum ftun_replay_exit ftun_sweep(struct ftun_pass *pass, FILE *out, struct ftun_error *error);

#endif
