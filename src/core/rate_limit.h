/* A token bucket: at most `per_second` grants a second, as many at once after a quiet second. */
#ifndef FTUN_CORE_RATE_LIMIT_H
#define FTUN_CORE_RATE_LIMIT_H

#include "limits.h"

#include <stdbool.h>

struct ftun_rate_limit {
    uint64_t spent_until_ns; /* each grant moves it on by one interval */
};

/* True when one more may pass at `now_ns`. */
static inline bool ftun_rate_limit_take(struct ftun_rate_limit *limit, uint64_t now_ns,
                                        uint64_t per_second)
{
    const uint64_t interval = FTUN_SECOND / per_second;
    if (limit->spent_until_ns + FTUN_SECOND < now_ns)
        limit->spent_until_ns = now_ns - FTUN_SECOND;
    if (limit->spent_until_ns + interval > now_ns)
        return false;
    limit->spent_until_ns += interval;
    return true;
}

#endif
