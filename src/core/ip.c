#include "ip.h"

#include "bytes.h"
#include "checksum.h"

#include <string.h>

enum {
    IPV4_DONT_FRAGMENT = 0x4000, /* RFC 791 3.1 */
    IPV4_MORE_FRAGMENTS = 0x2000,
    IPV4_FRAGMENT_OFFSET = 0x1fff, /* in units of 8 bytes */
    IPV6_HOP_BY_HOP = 0,           /* RFC 8200 4 */
    IPV6_ROUTING = 43,
    IPV6_FRAGMENT = 44,
    IPV6_DESTINATION_OPTIONS = 60,
    IPV6_PAD1 = 0,              /* RFC 8200 4.2: an option without length */
    IPV6_OPTION_DISCARD = 0xc0, /* in an option's type: discard the packet if it is not known */
    IPV6_FRAGMENT_HEADER = 8,   /* bytes */
    IPV6_MORE_FRAGMENTS = 1,    /* RFC 8200 4.5 */
    IPV6_FRAGMENT_OFFSET = 0xfff8,
    IPV6_FLOW_LABEL = 0xfffff /* RFC 8200 3 */
};

/* An atomic fragment (RFC 6946), offset 0 and no more to come, is a whole packet. */
static void note_fragment(struct ftun_ip_header *out, uint16_t offset, bool more)
{
    out->fragment_offset = offset;
    out->more_fragments = more;
    out->fragment = offset != 0 || more;
}

/* What a header says about the packet's length, against the bytes that are there. */
static enum ftun_refusal settle_length(struct ftun_ip_header *out, size_t total, size_t len,
                                       bool quoted)
{
    /*@ split out->header_len; */ /* case by case, for the prover: tests/proof */
    if (total > len) {
        if (!quoted)
            return FTUN_REFUSED_TRUNCATED_IP;
        total = len;
    }
    if (total < out->header_len)
        return FTUN_REFUSED_MALFORMED_IP_HEADER;
    out->payload_len = total - out->header_len;
    return FTUN_TAKEN;
}

static enum ftun_refusal parse_ipv4(const uint8_t *packet, size_t len, bool quoted,
                                    struct ftun_ip_header *out)
{
    if (FTUN_IPV4_HEADER_MIN > len)
        return FTUN_REFUSED_TRUNCATED_IP;
    const size_t header_len = (size_t)(packet[0] & 0x0f) * 4;
    if (header_len < FTUN_IPV4_HEADER_MIN)
        return FTUN_REFUSED_MALFORMED_IP_HEADER;
    if (header_len > len)
        return FTUN_REFUSED_TRUNCATED_IP;
    const uint16_t fragment = ftun_load_be16(packet + 6);
    *out = (struct ftun_ip_header){
        .source.family = FTUN_IPV4,
        .destination.family = FTUN_IPV4,
        .protocol = packet[9],
        .ttl = packet[8],
        .traffic_class = packet[1],
        .id = ftun_load_be16(packet + 4),
        .dont_fragment = (fragment & IPV4_DONT_FRAGMENT) != 0,
        .header_len = header_len,
    };
    note_fragment(out, (uint16_t)((fragment & IPV4_FRAGMENT_OFFSET) * 8),
                  (fragment & IPV4_MORE_FRAGMENTS) != 0);
    memcpy(out->source.bytes, packet + 12, 4);
    memcpy(out->destination.bytes, packet + 16, 4);
    return settle_length(out, ftun_load_be16(packet + 2), len, quoted);
}

static bool skippable(uint8_t protocol)
{
    return protocol == IPV6_HOP_BY_HOP || protocol == IPV6_ROUTING || protocol == IPV6_FRAGMENT ||
           protocol == IPV6_DESTINATION_OPTIONS;
}

/* RFC 8200 4.2: whoever does not know an option skips it, or discards the packet, as the two
 * highest bits of its type say. ftun knows those that pad. */
static bool options_skippable(const uint8_t *options, size_t len)
{
    size_t off = 0;
    while (off < len) {
        if (options[off] == IPV6_PAD1) {
            off++;
            continue;
        }
        if (off + 2 > len || (options[off] & IPV6_OPTION_DISCARD) != 0)
            return false;
        off += 2 + (size_t)options[off + 1];
    }
    return off == len;
}

/* Whether a whole extension header asks for nothing that only a router or a fuller host does. */
static bool may_skip(uint8_t kind, bool first, const uint8_t *header, size_t header_len)
{
    if (kind == IPV6_HOP_BY_HOP && !first) /* RFC 8200 4: unrecognized anywhere else */
        return false;
    if (kind == IPV6_ROUTING) /* RFC 8200 4.4, RFC 5095 3: segments left */
        return header[3] == 0;
    return kind == IPV6_FRAGMENT || options_skippable(header + 2, header_len - 2);
}

/* Step over one extension header at out->header_len. */
static enum ftun_refusal skip_extension(const uint8_t *packet, size_t len,
                                        struct ftun_ip_header *out)
{
    const size_t off = out->header_len;
    if (off + IPV6_FRAGMENT_HEADER > len) /* 8 bytes: the least of any extension header */
        return FTUN_REFUSED_TRUNCATED_IP;
    size_t header_len = ((size_t)packet[off + 1] + 1) * 8;
    if (out->protocol == IPV6_FRAGMENT) {
        const uint16_t fragment = ftun_load_be16(packet + off + 2);
        header_len = IPV6_FRAGMENT_HEADER;
        out->id = ftun_load_be32(packet + off + 4);
        note_fragment(out, fragment & IPV6_FRAGMENT_OFFSET, (fragment & IPV6_MORE_FRAGMENTS) != 0);
    }
    /*@ split header_len; */ /* case by case, for the prover: tests/proof */
    if (off + header_len > len)
        return FTUN_REFUSED_TRUNCATED_IP;
    if (!may_skip(out->protocol, off == FTUN_IPV6_HEADER, packet + off, header_len))
        return FTUN_REFUSED_UNSUPPORTED_EXTENSION;
    out->protocol = packet[off];
    out->header_len = off + header_len;
    return FTUN_TAKEN;
}

static enum ftun_refusal skip_extensions(const uint8_t *packet, size_t len,
                                         struct ftun_ip_header *out)
{
    for (unsigned i = 0; i < FTUN_IPV6_EXTENSIONS_MAX; i++) {
        if (out->fragment || !skippable(out->protocol))
            return FTUN_TAKEN;
        const enum ftun_refusal refusal = skip_extension(packet, len, out);
        if (refusal != FTUN_TAKEN)
            return refusal;
    }
    return skippable(out->protocol) ? FTUN_REFUSED_UNSUPPORTED_EXTENSION : FTUN_TAKEN;
}

static enum ftun_refusal parse_ipv6(const uint8_t *packet, size_t len, bool quoted,
                                    struct ftun_ip_header *out)
{
    if (FTUN_IPV6_HEADER > len)
        return FTUN_REFUSED_TRUNCATED_IP;
    *out = (struct ftun_ip_header){
        .source.family = FTUN_IPV6,
        .destination.family = FTUN_IPV6,
        .protocol = packet[6],
        .ttl = packet[7],
        .traffic_class = (uint8_t)(ftun_load_be16(packet) >> 4),
        .flow_label = ftun_load_be32(packet) & IPV6_FLOW_LABEL,
        .dont_fragment = true,
        .header_len = FTUN_IPV6_HEADER,
    };
    memcpy(out->source.bytes, packet + 8, 16);
    memcpy(out->destination.bytes, packet + 24, 16);
    const size_t total = FTUN_IPV6_HEADER + (size_t)ftun_load_be16(packet + 4);
    const enum ftun_refusal refusal = skip_extensions(packet, total < len ? total : len, out);
    return refusal != FTUN_TAKEN ? refusal : settle_length(out, total, len, quoted);
}

static enum ftun_refusal parse(const uint8_t *packet, size_t len, bool quoted,
                               struct ftun_ip_header *out)
{
    if (len == 0)
        return FTUN_REFUSED_TRUNCATED_IP;
    switch (packet[0] >> 4) {
    case FTUN_IPV4:
        return parse_ipv4(packet, len, quoted, out);
    case FTUN_IPV6:
        return parse_ipv6(packet, len, quoted, out);
    default:
        return FTUN_REFUSED_MALFORMED_IP_VERSION;
    }
}

enum ftun_refusal ftun_ip_parse(const uint8_t *packet, size_t len, struct ftun_ip_header *out)
{
    return parse(packet, len, false, out);
}

enum ftun_refusal ftun_ip_parse_quoted(const uint8_t *packet, size_t len,
                                       struct ftun_ip_header *out)
{
    return parse(packet, len, true, out);
}

uint16_t ftun_ipv4_header_sum(const uint8_t *packet, size_t header_len)
{
    return ftun_sum(packet, header_len);
}

size_t ftun_ip_header_len(enum ftun_family family)
{
    return family == FTUN_IPV6 ? FTUN_IPV6_HEADER : FTUN_IPV4_HEADER_MIN;
}

static size_t emit_ipv4(const struct ftun_ip_header *header, uint8_t *out)
{
    out[0] = 0x45; /* version 4, 5 words */
    out[1] = header->traffic_class;
    ftun_store_be16(out + 2, (uint16_t)(FTUN_IPV4_HEADER_MIN + header->payload_len));
    ftun_store_be16(out + 4, (uint16_t)header->id);
    ftun_store_be16(out + 6, header->dont_fragment ? IPV4_DONT_FRAGMENT : 0);
    out[8] = header->ttl;
    out[9] = header->protocol;
    ftun_store_be16(out + 10, 0);
    memcpy(out + 12, header->source.bytes, 4);
    memcpy(out + 16, header->destination.bytes, 4);
    const uint16_t sum = ftun_ipv4_header_sum(out, FTUN_IPV4_HEADER_MIN);
    ftun_store_be16(out + 10, (uint16_t)~sum);
    return FTUN_IPV4_HEADER_MIN;
}

static size_t emit_ipv6(const struct ftun_ip_header *header, uint8_t *out)
{
    ftun_store_be32(out, UINT32_C(6) << 28 | (uint32_t)header->traffic_class << 20 |
                             (header->flow_label & IPV6_FLOW_LABEL));
    ftun_store_be16(out + 4, (uint16_t)header->payload_len);
    out[6] = header->protocol;
    out[7] = header->ttl;
    memcpy(out + 8, header->source.bytes, 16);
    memcpy(out + 24, header->destination.bytes, 16);
    return FTUN_IPV6_HEADER;
}

size_t ftun_ip_emit(const struct ftun_ip_header *header, uint8_t *out)
{
    return header->source.family == FTUN_IPV6 ? emit_ipv6(header, out) : emit_ipv4(header, out);
}
