/* ICMP (RFC 792, RFC 1191) and ICMPv6 (RFC 4443) errors about a TCP segment of ours. */
#ifndef FTUN_CORE_ICMP_H
#define FTUN_CORE_ICMP_H

#include "ip.h"

enum ftun_icmp_kind { FTUN_ICMP_TOO_BIG, FTUN_ICMP_UNREACHABLE };

struct ftun_icmp_error {
    enum ftun_icmp_kind kind;
    uint8_t type, code;
    uint32_t mtu;            /* bytes, for FTUN_ICMP_TOO_BIG; 0 when the router does not say */
    struct ftun_tuple tuple; /* of the quoted segment, which this end sent: local is its source */
    uint32_t sequence;       /* of the quoted segment */
};

/* Read an ICMP error: `ip` is the header in front of it, `message` its bytes. The checksum is
 * verified. FTUN_TAKEN, or FTUN_REFUSED_TRUNCATED_ICMP, _MALFORMED_ICMP_CHECKSUM,
 * _MALFORMED_ICMP_MTU, _UNSUPPORTED_PROTOCOL for other messages and for quotes of other protocols.
 */
enum ftun_refusal ftun_icmp_parse(const struct ftun_ip_header *ip, const uint8_t *message,
                                  size_t len, struct ftun_icmp_error *out);

#endif
