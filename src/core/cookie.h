/* SYN cookies (Bernstein, 1996): a listener's first sequence number that carries what it must know
 * of a client, so that it keeps no state before the third packet of the handshake (RFC 4987 3.6).
 *
 *   bits 31-8  keyed hash of the connection's tuple, the epoch and the low bits
 *   bits  7-3  index of the client's MSS (mss.h), 0 when its SYN named none (Phantun)
 *   bits  2-0  index of the client's window scale, 0 when its SYN named none
 *
 * The low bits are masked by the high ones. The client's sequence number is left out on purpose:
 * when the third packet is lost, any later one of the connection completes the handshake. The price
 * is that who has seen a cookie may use it with other numbers while it is good. He is on the path
 * then, and could have used those that he saw. */
#ifndef FTUN_CORE_COOKIE_H
#define FTUN_CORE_COOKIE_H

#include "address.h"
#include "limits.h"
#include "siphash.h"
#include "tcp_options.h"

#define FTUN_COOKIE_EPOCH \
    (64 * FTUN_SECOND) /* a cookie is good for one to two epochs: Linux's 64 s */

struct ftun_cookie {
    uint16_t mss;         /* bytes, rounded down; 0 when the SYN named none */
    uint8_t window_scale; /* rounded down; 0 when the SYN named none */
};

/* The cookie for a SYN with these options. */
uint32_t ftun_cookie_make(const struct ftun_hash_key *key, uint64_t now_ns,
                          const struct ftun_tuple *tuple, const struct ftun_tcp_options *syn);

/* True when `value` is a cookie of this tuple and still good; fills `out`. */
bool ftun_cookie_check(const struct ftun_hash_key *key, uint64_t now_ns,
                       const struct ftun_tuple *tuple, uint32_t value, struct ftun_cookie *out);

#endif
