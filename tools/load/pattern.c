#include "pattern.h"

#include <stddef.h>
#include <string.h>

enum { SLICES = 65536 };

static uint8_t pattern[SLICES + PATTERN_SLICE_MOST];

void pattern_prepare(void)
{
    for (size_t at = 0; at < sizeof pattern; at += sizeof(uint64_t)) {
        const uint64_t word = pattern_mix(at);

        memcpy(pattern + at, &word, sizeof word);
    }
}

const uint8_t *pattern_slice(uint64_t key)
{
    return pattern + key % SLICES;
}

/* The step and finalizer of SplitMix64 (Steele, Lea, Flood: "Fast splittable generators", 2014). */
uint64_t pattern_mix(uint64_t value)
{
    value += 0x9e3779b97f4a7c15U;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9U;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebU;
    return value ^ (value >> 31);
}
