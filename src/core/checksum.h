/* The Internet checksum (RFC 1071). A *sum* here is the folded, uncomplemented one's complement
 * sum of big-endian 16-bit words, in host order; a *checksum* is its complement. */
#ifndef FTUN_CORE_CHECKSUM_H
#define FTUN_CORE_CHECKSUM_H

#include "address.h"

#include <stddef.h>
#include <stdint.h>

/* Sum of `len` bytes; an odd last byte counts as the high half of a word. */
uint16_t ftun_sum(const uint8_t *data, size_t len);

/* Sum of two sums. */
uint16_t ftun_sum_add(uint16_t a, uint16_t b);

/* Sum of a stretch of bytes followed by another, from the sums of both; `left_len` is the length
 * of the first in bytes: when it is odd, the second's words straddle. */
uint16_t ftun_sum_concat(uint16_t left, size_t left_len, uint16_t right);

/* Sum of the pseudo-header: RFC 9293 3.1 for IPv4, RFC 8200 8.1 for IPv6.
 * `len` is that of the transport header and payload, in bytes. */
uint16_t ftun_sum_pseudo_header(const struct ftun_address *source,
                                const struct ftun_address *destination, uint8_t protocol,
                                size_t len);

#endif
