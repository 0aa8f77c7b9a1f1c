/* IPv4 (RFC 791) and IPv6 (RFC 8200) headers: bytes to a plain struct and back. */
#ifndef FTUN_CORE_IP_H
#define FTUN_CORE_IP_H

#include "address.h"
#include "limits.h"
#include "refusal.h"

#include <stddef.h>

/* IANA protocol numbers that ftun knows. */
enum ftun_protocol {
    FTUN_PROTOCOL_ICMP = 1,
    FTUN_PROTOCOL_TCP = 6,
    FTUN_PROTOCOL_UDP = 17,
    FTUN_PROTOCOL_ICMPV6 = 58
};

struct ftun_ip_header {
    struct ftun_address source, destination;
    uint8_t protocol;         /* of the payload, behind options and extension headers */
    uint8_t ttl;              /* hop limit */
    uint8_t traffic_class;    /* DSCP and ECN */
    uint32_t flow_label;      /* IPv6, 20 bits */
    uint32_t id;              /* IPv4's 16 bits, or those of an IPv6 Fragment header */
    bool dont_fragment;       /* IPv4 only */
    bool fragment;            /* a part of a larger packet: the payload starts or ends in another */
    bool more_fragments;      /* of a fragment: it is not the last */
    uint16_t fragment_offset; /* bytes, of a fragment's payload in that of the larger packet */
    size_t header_len;        /* bytes before the payload */
    size_t payload_len;       /* bytes of payload, by the header's own length field */
};

/* Read the IP header in the first bytes of `packet`. Bytes behind the length that the header names
 * are padding and ignored. Does not verify the IPv4 header checksum.
 *
 * FTUN_TAKEN, or FTUN_REFUSED_TRUNCATED_IP, _MALFORMED_IP_VERSION, _MALFORMED_IP_HEADER,
 * _UNSUPPORTED_EXTENSION; `out` is undefined then. */
enum ftun_refusal ftun_ip_parse(const uint8_t *packet, size_t len, struct ftun_ip_header *out);

/* As above for a packet quoted inside an ICMP error: its payload may be cut, and payload_len is
 * what is present. */
enum ftun_refusal ftun_ip_parse_quoted(const uint8_t *packet, size_t len,
                                       struct ftun_ip_header *out);

/* Sum over an IPv4 header with its checksum field; 0xffff when the checksum is right. */
uint16_t ftun_ipv4_header_sum(const uint8_t *packet, size_t header_len);

/* Length of the header that ftun_ip_emit writes for this family, in bytes. */
size_t ftun_ip_header_len(enum ftun_family family);

/* Write a header without options or extension headers, IPv4 checksum included. `out` has room for
 * ftun_ip_header_len() bytes, which is returned. header_len and all of fragmentation but
 * dont_fragment are ignored. */
size_t ftun_ip_emit(const struct ftun_ip_header *header, uint8_t *out);

#endif
