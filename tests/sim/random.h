/* The simulation's own random numbers: the same from the same seed on every machine.
 * xoshiro256** seeded by splitmix64 (Blackman and Vigna, "Scrambled linear pseudorandom number
 * generators", 2021). */
#ifndef FTUN_TESTS_SIM_RANDOM_H
#define FTUN_TESTS_SIM_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct sim_random {
    uint64_t state[4];
};

void sim_random_seed(struct sim_random *random, uint64_t seed);

uint64_t sim_random_next(struct sim_random *random);

/* 0 to limit - 1; limit is at least 1. */
uint32_t sim_random_below(struct sim_random *random, uint32_t limit);

/* first to last, both included. */
uint32_t sim_random_between(struct sim_random *random, uint32_t first, uint32_t last);

/* True in `parts` of SIM_CERTAIN cases. */
#define SIM_CERTAIN 65536u
bool sim_random_chance(struct sim_random *random, uint32_t parts);

#endif
