#include "random.h"

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void sim_random_seed(struct sim_random *random, uint64_t seed)
{
    for (unsigned i = 0; i < 4; i++)
        random->state[i] = splitmix64(&seed);
}

static uint64_t rotate_left(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

uint64_t sim_random_next(struct sim_random *random)
{
    uint64_t *s = random->state;
    const uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    const uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint32_t sim_random_below(struct sim_random *random, uint32_t limit)
{
    return (uint32_t)((sim_random_next(random) >> 32) * limit >> 32);
}

uint32_t sim_random_between(struct sim_random *random, uint32_t first, uint32_t last)
{
    return first + sim_random_below(random, last - first + 1);
}

bool sim_random_chance(struct sim_random *random, uint32_t parts)
{
    return parts > 0 && sim_random_below(random, SIM_CERTAIN) < parts;
}
