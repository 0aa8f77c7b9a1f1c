/* A mutator that knows what inputs look like, in two halves: the engine's (libfuzzer.c, afl.c) and
 * the input's (packet.c, stream.c). Each target that wants one is linked with one of each. */
#ifndef FTUN_FUZZ_MUTATE_H
#define FTUN_FUZZ_MUTATE_H

#include <stddef.h>
#include <stdint.h>

/* Pseudo-random numbers from a seed: xorshift32 (Marsaglia, 2003). */
struct fuzz_random {
    uint32_t state; /* not 0 */
};

static inline uint32_t fuzz_random(struct fuzz_random *random, uint32_t below)
{
    random->state ^= random->state << 13;
    random->state ^= random->state >> 17;
    random->state ^= random->state << 5;
    return random->state % below;
}

/* The engine's own way to change bytes: `len` of them at `data`, which has room for `max`. Returns
 * the new length. */
size_t fuzz_mutate_bytes(uint8_t *data, size_t len, size_t max, struct fuzz_random *random);

/* Change an input. Same arguments and result. */
size_t fuzz_mutate(uint8_t *data, size_t len, size_t max, struct fuzz_random *random);

/* Make the lengths and checksums of a packet right, as far as its first bytes say that it has any.
 * Most mutations need this to get past the first checks; some must not have it. */
void fuzz_repair_packet(uint8_t *packet, size_t len, struct fuzz_random *random);

#endif
