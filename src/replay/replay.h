/* A whole replay, as the options ask for it. */
#ifndef FTUN_REPLAY_REPLAY_H
#define FTUN_REPLAY_REPLAY_H

#include "replay_options.h"

#include <stdio.h>

/* Replay, print to the standard output and errors to the standard error. Returns the exit code. */
enum ftun_replay_exit ftun_replay(const struct ftun_replay_options *options);

/* The same without its expectation, printed to `out`. */
enum ftun_replay_exit ftun_replay_print(const struct ftun_replay_options *options, FILE *out);

#endif
