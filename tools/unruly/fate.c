#include "fate.h"

#include "pattern.h"

static uint64_t next_number(struct dice *dice)
{
    return pattern_mix(dice->state++);
}

/* From 0 on, below 1. */
static double next_fraction(struct dice *dice)
{
    const double bits_53 = 9007199254740992.0; /* what a double holds exactly */

    return (double)(next_number(dice) >> 11) / bits_53;
}

static bool happens(struct dice *dice, double percent)
{
    return next_fraction(dice) * 100 < percent;
}

struct dice dice_of(uint64_t seed, unsigned direction)
{
    return (struct dice){pattern_mix(seed) + direction * (UINT64_MAX / 2)};
}

struct fate fate_of_next(struct dice *dice, const struct hazards *hazards)
{
    struct fate fate = {.delay_ns = hazards->delay_ns};
    double how_long;

    /* The same number of throws whatever comes of them: the hazards do not shift each other. */
    fate.dropped = happens(dice, hazards->drop);
    fate.repeated = happens(dice, hazards->repeat);
    fate.held = happens(dice, hazards->hold);
    how_long = next_fraction(dice);
    if (fate.held)
        fate.delay_ns += (uint64_t)(how_long * (double)hazards->hold_ns);
    return fate;
}
