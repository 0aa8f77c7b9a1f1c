/* Nanoseconds as seconds with six decimals, whatever the locale. */
#ifndef FTUN_REPLAY_SECONDS_H
#define FTUN_REPLAY_SECONDS_H

#include <stdint.h>
#include <stdio.h>

#define FTUN_SECONDS_TEXT 32u /* bytes: the longest and its zero byte */

/* Written to `out`, which is returned. */
static inline const char *ftun_seconds_string(uint64_t ns, char out[FTUN_SECONDS_TEXT])
{
    snprintf(out, FTUN_SECONDS_TEXT, "%llu.%06llu", (unsigned long long)(ns / 1000000000),
             (unsigned long long)(ns / 1000 % 1000000));
    return out;
}

#endif
