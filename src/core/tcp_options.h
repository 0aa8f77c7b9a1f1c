/* TCP options (RFC 9293 3.1): a step function that looks at one option, and a loop. */
#ifndef FTUN_CORE_TCP_OPTIONS_H
#define FTUN_CORE_TCP_OPTIONS_H

#include "limits.h"

#include <stdbool.h>
#include <stddef.h>

enum ftun_tcp_option_kind {
    FTUN_TCP_OPTION_END = 0,            /* RFC 9293 3.1 */
    FTUN_TCP_OPTION_NOP = 1,            /* RFC 9293 3.1 */
    FTUN_TCP_OPTION_MSS = 2,            /* RFC 9293 3.7.1, 4 bytes */
    FTUN_TCP_OPTION_WINDOW_SCALE = 3,   /* RFC 7323 2.2, 3 bytes */
    FTUN_TCP_OPTION_SACK_PERMITTED = 4, /* RFC 2018 2, 2 bytes */
    FTUN_TCP_OPTION_SACK = 5,           /* RFC 2018 3 */
    FTUN_TCP_OPTION_TIMESTAMPS = 8      /* RFC 7323 3.2, 10 bytes */
};

struct ftun_tcp_options {
    bool has_mss, has_window_scale, sack_permitted, has_timestamps;
    uint16_t mss;         /* bytes */
    uint8_t window_scale; /* at most FTUN_WINDOW_SCALE_MAX */
    uint32_t timestamp_value, timestamp_echo;
};

enum ftun_tcp_option_step {
    FTUN_TCP_OPTION_TAKEN,    /* one option read, known or not; there may be more */
    FTUN_TCP_OPTION_LAST,     /* end-of-list option */
    FTUN_TCP_OPTION_MALFORMED /* length below 2, beyond the header, or not that of its kind */
};

/* Look at the option at `*off` of `options` (`len` bytes, *off < len), note it in `out` and move
 * *off behind it. */
enum ftun_tcp_option_step ftun_tcp_option_step(const uint8_t *options, size_t len, size_t *off,
                                               struct ftun_tcp_options *out);

/* Read all options. False when one is malformed; `out` holds those before it. A repeated option:
 * the last one counts. */
bool ftun_tcp_options_parse(const uint8_t *options, size_t len, struct ftun_tcp_options *out);

/* Append one option to `out`, which holds `len` bytes and has room for FTUN_TCP_OPTIONS_MAX;
 * values come from `values`. Returns the new length; an option without room or of a kind that ftun
 * never sends is left out. */
size_t ftun_tcp_option_append(uint8_t *out, size_t len, enum ftun_tcp_option_kind kind,
                              const struct ftun_tcp_options *values);

/* The same, with as many NOPs before it that it ends at a word: as Linux writes them.
 * SACK-permitted and timestamps fill their words together, so the one needs none if the other comes
 * `next`. */
size_t ftun_tcp_option_append_aligned(uint8_t *out, size_t len, uint8_t kind, uint8_t next,
                                      const struct ftun_tcp_options *values);

/* Write the options of a segment behind the handshake: timestamps. Returns FTUN_TCP_TIMESTAMPS. */
size_t ftun_tcp_timestamps_write(uint32_t value, uint32_t echo, uint8_t *out);

#endif
