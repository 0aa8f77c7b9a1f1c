/* The receive window that a connection advertises (RFC 9293 3.8.6, RFC 7323 2).
 *
 * Nothing is ever held back here, so no buffer says how large it is: it moves as that of a kernel
 * whose application reads at once and has asked for a large buffer. It grows by FTUN_WINDOW_GROWTH
 * bytes for each byte received, up to FTUN_WINDOW_MAX; Linux's by two (tcp_grow_window()), but what
 * does not fit is not delayed here, it is lost. Small segments leave it as it is, as Linux's: it is
 * bulk that needs more. */
#ifndef FTUN_CORE_RECEIVE_WINDOW_H
#define FTUN_CORE_RECEIVE_WINDOW_H

#include "limits.h"

#include <stdbool.h>
#include <stddef.h>

struct ftun_receive_window {
    uint32_t grown; /* bytes: what the window would be if the scale could express it */
    uint32_t size;  /* bytes beyond the next expected; what `scale` can express; never less */
    uint8_t scale;  /* RFC 7323 2.3 */
};

/* Begin with `first` bytes, rounded up to what a window shifted by `scale` (at most
 * FTUN_WINDOW_SCALE_MAX) can express, as Linux does; less if that is more than it can express. */
struct ftun_receive_window ftun_receive_window_open(uint32_t first, uint8_t scale);

/* The next expected sequence number has moved on by `len` bytes. */
void ftun_receive_window_moved(struct ftun_receive_window *window, uint32_t len);

/* The window field of a segment. */
uint16_t ftun_receive_window_field(const struct ftun_receive_window *window);

/* True when the fields agree with each other: for debug builds, fuzzers and proofs. */
bool ftun_receive_window_valid(const struct ftun_receive_window *window);

#endif
