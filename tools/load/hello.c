#include "hello.h"

#include "pattern.h"

#include <string.h>

static const uint64_t magic = 0x6674756e68656c6f;

struct hello hello_make(uint64_t seed, enum direction direction, uint32_t flow)
{
    return (struct hello){
        .magic = magic,
        .seed = seed,
        .direction = (uint32_t)direction,
        .flow = flow,
        .check = pattern_mix(seed ^ pattern_mix((uint64_t)flow << 32 | (uint32_t)direction)),
    };
}

bool hello_recognize(const uint8_t *data, size_t length, uint64_t seed, enum direction direction,
                     uint32_t *flow)
{
    struct hello came;
    struct hello right;

    if (length != HELLO_BYTES)
        return false;
    memcpy(&came, data, sizeof came);
    right = hello_make(seed, direction, came.flow);
    *flow = came.flow;
    return memcmp(&came, &right, sizeof came) == 0;
}
