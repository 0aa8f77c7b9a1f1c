#include "icmp.h"

#include "bytes.h"
#include "checksum.h"

enum {
    ICMP_UNREACHABLE = 3, /* RFC 792 */
    ICMP_FRAGMENTATION_NEEDED = 4,
    ICMPV6_UNREACHABLE = 1, /* RFC 4443 3.1 */
    ICMPV6_TOO_BIG = 2,     /* RFC 4443 3.2 */
    QUOTED_TCP = 8          /* ports and sequence number: what RFC 792 promises of the quote */
};

static bool checksum_wrong(const struct ftun_ip_header *ip, const uint8_t *message, size_t len)
{
    uint16_t sum = ftun_sum(message, len);
    if (ip->protocol == FTUN_PROTOCOL_ICMPV6) /* RFC 4443 2.3 */
        sum = ftun_sum_add(
            sum, ftun_sum_pseudo_header(&ip->source, &ip->destination, FTUN_PROTOCOL_ICMPV6, len));
    return sum != 0xffff;
}

static enum ftun_refusal read_kind_v4(const uint8_t *message, struct ftun_icmp_error *out)
{
    if (out->type != ICMP_UNREACHABLE)
        return FTUN_REFUSED_UNSUPPORTED_PROTOCOL;
    if (out->code != ICMP_FRAGMENTATION_NEEDED) {
        out->kind = FTUN_ICMP_UNREACHABLE;
        return FTUN_TAKEN;
    }
    out->kind = FTUN_ICMP_TOO_BIG;
    out->mtu = ftun_load_be16(message + 6); /* RFC 1191 4 */
    return FTUN_TAKEN;
}

static enum ftun_refusal read_kind_v6(const uint8_t *message, struct ftun_icmp_error *out)
{
    if (out->type != ICMPV6_UNREACHABLE && out->type != ICMPV6_TOO_BIG)
        return FTUN_REFUSED_UNSUPPORTED_PROTOCOL;
    out->kind = out->type == ICMPV6_TOO_BIG ? FTUN_ICMP_TOO_BIG : FTUN_ICMP_UNREACHABLE;
    if (out->kind != FTUN_ICMP_TOO_BIG)
        return FTUN_TAKEN;
    out->mtu = ftun_load_be32(message + 4);
    return out->mtu < FTUN_IPV6_MTU_MIN ? FTUN_REFUSED_MALFORMED_ICMP_MTU : FTUN_TAKEN;
}

static enum ftun_refusal read_quote(const uint8_t *quote, size_t len, struct ftun_icmp_error *out)
{
    struct ftun_ip_header ip;
    if (ftun_ip_parse_quoted(quote, len, &ip) != FTUN_TAKEN)
        return FTUN_REFUSED_TRUNCATED_ICMP;
    if (ip.protocol != FTUN_PROTOCOL_TCP || ip.fragment)
        return FTUN_REFUSED_UNSUPPORTED_PROTOCOL;
    if (QUOTED_TCP > ip.payload_len)
        return FTUN_REFUSED_TRUNCATED_ICMP;
    const uint8_t *segment = quote + ip.header_len;
    out->tuple.local.ip = ip.source;
    out->tuple.local.port = ftun_load_be16(segment);
    out->tuple.remote.ip = ip.destination;
    out->tuple.remote.port = ftun_load_be16(segment + 2);
    out->sequence = ftun_load_be32(segment + 4);
    return FTUN_TAKEN;
}

enum ftun_refusal ftun_icmp_parse(const struct ftun_ip_header *ip, const uint8_t *message,
                                  size_t len, struct ftun_icmp_error *out)
{
    if (FTUN_ICMP_HEADER > len)
        return FTUN_REFUSED_TRUNCATED_ICMP;
    if (checksum_wrong(ip, message, len))
        return FTUN_REFUSED_MALFORMED_ICMP_CHECKSUM;
    *out = (struct ftun_icmp_error){.type = message[0], .code = message[1]};
    const enum ftun_refusal refusal = ip->protocol == FTUN_PROTOCOL_ICMPV6
                                          ? read_kind_v6(message, out)
                                          : read_kind_v4(message, out);
    if (refusal != FTUN_TAKEN)
        return refusal;
    return read_quote(message + FTUN_ICMP_HEADER, len - FTUN_ICMP_HEADER, out);
}
