#ifndef UNRULY_FATE_H
#define UNRULY_FATE_H

#include <stdbool.h>
#include <stdint.h>

/** What may happen to frames; the shares in percent. */
struct hazards {
    double drop;
    double repeat;
    double hold;
    uint64_t hold_ns;  /* the longest that a frame is held back */
    uint64_t delay_ns; /* of every frame */
};

/** A sequence of random numbers that its seed determines. */
struct dice {
    uint64_t state;
};

/** What happens to one frame. */
struct fate {
    bool dropped;
    bool repeated;
    bool held;
    uint64_t delay_ns;
};

/** The dice of one direction. Each has its own, so that how the directions interleave, which no
 * seed determines, changes no frame's fate. */
struct dice dice_of(uint64_t seed, unsigned direction);

/** Throw for the next frame of a direction: its n-th frame always meets the same fate. */
struct fate fate_of_next(struct dice *dice, const struct hazards *hazards);

#endif
