/* Sequence number arithmetic, modulo 2^32 (RFC 9293 3.4). */
#ifndef FTUN_CORE_SEQUENCE_H
#define FTUN_CORE_SEQUENCE_H

#include <stdbool.h>
#include <stdint.h>

/* True when a comes before b. Undefined when they are exactly 2^31 apart, as in every TCP. */
static inline bool ftun_seq_before(uint32_t a, uint32_t b)
{
    return a != b && b - a < UINT32_C(0x80000000);
}

static inline bool ftun_seq_after(uint32_t a, uint32_t b)
{
    return ftun_seq_before(b, a);
}

/* The later of the two. */
static inline uint32_t ftun_seq_max(uint32_t a, uint32_t b)
{
    return ftun_seq_before(a, b) ? b : a;
}

#endif
