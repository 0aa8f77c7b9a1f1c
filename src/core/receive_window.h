/* The receive window that a connection advertises (RFC 9293 3.8.6, RFC 7323 2).
 *
 * Nothing is ever held back here, so no buffer says how large it is: it moves as that of a kernel
 * whose application reads at once. Linux's grows by two bytes for each byte received
 * (tcp_grow_window()) as long as its autotuning follows, which allows for twice what comes in a
 * round trip (tcp_rcv_space_adjust()). ftun knows no round trip: it allows for twice what came
 * within a second, so that no path of a round trip below that is throttled. */
#ifndef FTUN_CORE_RECEIVE_WINDOW_H
#define FTUN_CORE_RECEIVE_WINDOW_H

#include "limits.h"

#include <stdbool.h>
#include <stddef.h>

struct ftun_receive_window {
    uint64_t round_began_ns;
    uint32_t round_bytes; /* received in this round */
    uint32_t size;        /* bytes beyond the next expected; what `scale` can express; never less */
    uint8_t scale;        /* RFC 7323 2.3 */
};

/* Begin with `first` bytes, rounded up to what a window shifted by `scale` (at most
 * FTUN_WINDOW_SCALE_MAX) can express, as Linux does; less if that is more than it can express. */
struct ftun_receive_window ftun_receive_window_open(uint64_t now_ns, uint32_t first, uint8_t scale);

/* The next expected sequence number has moved on by `len` bytes. */
void ftun_receive_window_moved(struct ftun_receive_window *window, uint64_t now_ns, uint32_t len);

/* The window field of a segment. */
uint16_t ftun_receive_window_field(const struct ftun_receive_window *window);

/* True when the fields agree with each other: for debug builds, fuzzers and proofs. */
bool ftun_receive_window_valid(const struct ftun_receive_window *window);

#endif
