/* Inputs that are one packet. */
#include "mutate.h"

size_t fuzz_mutate(uint8_t *data, size_t len, size_t max, struct fuzz_random *random)
{
    const size_t mutated = fuzz_mutate_bytes(data, len, max, random);
    fuzz_repair_packet(data, mutated, random);
    return mutated;
}
