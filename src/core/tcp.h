/* The TCP header (RFC 9293 3.1): bytes to a plain struct and back. */
#ifndef FTUN_CORE_TCP_H
#define FTUN_CORE_TCP_H

#include "limits.h"
#include "refusal.h"

#include <stddef.h>

enum ftun_tcp_flag {
    FTUN_FIN = 0x01,
    FTUN_SYN = 0x02,
    FTUN_RST = 0x04,
    FTUN_PSH = 0x08,
    FTUN_ACK = 0x10,
    FTUN_URG = 0x20,
    FTUN_ECE = 0x40,
    FTUN_CWR = 0x80
};

struct ftun_tcp_header {
    uint16_t source_port, destination_port;
    uint32_t sequence, acknowledgment;
    uint16_t window; /* as on the wire, not scaled */
    uint16_t checksum;
    uint8_t flags;
    uint8_t options_len; /* bytes, a multiple of 4 */
    uint8_t options[FTUN_TCP_OPTIONS_MAX];
};

/* Read the TCP header at the start of `segment` (`len` bytes: header and payload).
 * FTUN_TAKEN, or FTUN_REFUSED_TRUNCATED_TCP, _MALFORMED_TCP_HEADER, _MALFORMED_TCP_OPTIONS,
 * _MALFORMED_TCP_FLAGS. Does not verify the checksum. */
enum ftun_refusal ftun_tcp_parse(const uint8_t *segment, size_t len, struct ftun_tcp_header *out);

/* Length of a header in bytes, options included. */
size_t ftun_tcp_header_len(const struct ftun_tcp_header *header);

/* Write a header, the checksum field as given. `out` has room for ftun_tcp_header_len() bytes,
 * which is returned. */
size_t ftun_tcp_emit(const struct ftun_tcp_header *header, uint8_t *out);

/* Byte offset of the checksum in the header: what virtio calls csum_offset. */
#define FTUN_TCP_CHECKSUM_OFFSET 16u

#endif
