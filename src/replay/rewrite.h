/* Numbers inside a packet, changed so that its checksum stays as right or wrong as it was
 * (RFC 1624). An endpoint that takes the place of a captured one chooses its own sequence numbers,
 * and a client its own port: what the other end has written about them is rewritten. */
#ifndef FTUN_REPLAY_REWRITE_H
#define FTUN_REPLAY_REWRITE_H

#include "address.h"

#include <stddef.h>

/* Where a packet speaks of the connection's numbers at this end: a TCP segment to it by destination
 * port and acknowledgment, an ICMP error by the source port and sequence number that it quotes. */
struct ftun_numbers {
    struct ftun_tuple tuple; /* local: this end */
    uint8_t flags;           /* of the segment; 0 for a quote */
    uint32_t value;          /* acknowledgment, or quoted sequence number */
    size_t port_at;          /* bytes from the start of the packet */
    size_t value_at;         /* the same; 0: the packet has none, it lacks ACK */
    size_t checksum_at;
};

/* Find them; false when the packet has none that a receiver would read. */
bool ftun_numbers_find(const uint8_t *packet, size_t len, struct ftun_numbers *out);

/* Write `port`, and add `offset` to the sequence number. */
void ftun_numbers_rewrite(uint8_t *packet, const struct ftun_numbers *numbers, uint16_t port,
                          uint32_t offset);

#endif
