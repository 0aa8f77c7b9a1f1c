/* Passes over a capture: read, hand each packet to the observer or the actor, print. */
#ifndef FTUN_REPLAY_PASS_H
#define FTUN_REPLAY_PASS_H

#include "options.h"

#include <stdio.h>

/* As the options ask for it, printed to `out`. Any result but FTUN_REPLAY_OK comes with a reason;
 * what was read before FTUN_REPLAY_CAPTURE has been printed, if anything was. */
enum ftun_replay_exit ftun_pass(const struct ftun_replay_options *options, FILE *out,
                                struct ftun_error *error);

#endif
