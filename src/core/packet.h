/* Packets: an IP header with a TCP segment, with an ICMP error about one, or with a fragment. */
#ifndef FTUN_CORE_PACKET_H
#define FTUN_CORE_PACKET_H

#include "icmp.h"
#include "tcp.h"

enum ftun_packet_kind { FTUN_PACKET_SEGMENT, FTUN_PACKET_ICMP_ERROR, FTUN_PACKET_FRAGMENT };

struct ftun_packet {
    enum ftun_packet_kind kind;
    struct ftun_ip_header ip;
    union {
        struct {
            struct ftun_tcp_header tcp;
            size_t payload_off; /* bytes from the start of the packet */
            size_t payload_len; /* bytes */
        };
        struct ftun_icmp_error icmp;
        /* of a FRAGMENT nothing but `ip`: reassembly.h */
    };
};

/* Read a packet as it came from the tunnel. `checksum_vouched`: the kernel has verified the
 * transport checksum, or never computed it because the packet did not leave the machine.
 * Keeps no pointer into `data`. FTUN_TAKEN, or any of the TRUNCATED, MALFORMED and UNSUPPORTED
 * refusals; `out` is undefined then. */
enum ftun_refusal ftun_packet_parse(const uint8_t *data, size_t len, bool checksum_vouched,
                                    struct ftun_packet *out);

/* A segment to be sent: one TCP header, and a payload that is carried beside it. */
struct ftun_segment {
    struct ftun_tuple tuple;
    struct ftun_tcp_header tcp; /* ports and checksum are filled in by ftun_segment_emit */
    uint8_t ttl;
    uint32_t flow_label; /* IPv6, 20 bits */
    uint16_t ip_id;      /* IPv4; of the first, when the kernel cuts the payload into segments */
    size_t payload_len;  /* bytes */
};

enum ftun_checksum_mode {
    FTUN_CHECKSUM_FULL,   /* the checksum field is complete */
    FTUN_CHECKSUM_PARTIAL /* it holds the pseudo-header's sum; kernel or NIC add the rest */
};

/* Write the IP and TCP headers of `segment` into `out` (room for FTUN_HEADERS_MAX bytes).
 * `payload_sum` is ftun_sum() of the payload, for FTUN_CHECKSUM_FULL. Headers and payload together
 * are at most FTUN_IP_PACKET_MAX bytes. Returns the length written. */
size_t ftun_segment_emit(const struct ftun_segment *segment, enum ftun_checksum_mode mode,
                         uint16_t payload_sum, uint8_t *out);

#endif
