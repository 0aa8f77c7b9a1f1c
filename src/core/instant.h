/* Instants of the caller's clock, in ns. FTUN_NEVER is one, behind all others. */
#ifndef FTUN_CORE_INSTANT_H
#define FTUN_CORE_INSTANT_H

#include "limits.h"

static inline uint64_t ftun_earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t ftun_later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* `wait_ns` after `at_ns`; FTUN_NEVER when the clock ends before. */
static inline uint64_t ftun_instant_after(uint64_t at_ns, uint64_t wait_ns)
{
    return wait_ns > FTUN_NEVER - at_ns ? FTUN_NEVER : at_ns + wait_ns;
}

#endif
