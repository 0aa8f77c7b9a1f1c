#include "wire.h"

#include "bytes.h"
#include "checksum.h"
#include "fuzz_input.h"

enum {
    IPV6_FRAGMENT = 44, /* RFC 8200 4.5 */
    IPV6_FRAGMENT_HEADER = 8,
    MORE_FRAGMENTS = 0x2000 /* RFC 791 3.1 */
};

static bool is_ipv6(const uint8_t *packet)
{
    return packet[0] >> 4 == FTUN_IPV6;
}

static void set_ipv4_checksum(uint8_t *packet)
{
    ftun_store_be16(packet + 10, 0);
    ftun_store_be16(packet + 10, (uint16_t)~ftun_sum(packet, FTUN_IPV4_HEADER_MIN));
}

static void fragment_ipv4(uint8_t *out, size_t len, uint32_t id, size_t start, bool more)
{
    ftun_store_be16(out + 2, (uint16_t)len);
    ftun_store_be16(out + 4, (uint16_t)id);
    ftun_store_be16(out + 6, (uint16_t)(start / 8 | (more ? MORE_FRAGMENTS : 0)));
    set_ipv4_checksum(out);
}

static void fragment_ipv6(uint8_t *out, size_t len, uint32_t id, size_t start, bool more)
{
    uint8_t *const extension = out + FTUN_IPV6_HEADER;
    ftun_store_be16(out + 4, (uint16_t)(len - FTUN_IPV6_HEADER));
    extension[0] = out[6];
    out[6] = IPV6_FRAGMENT;
    extension[1] = 0;
    ftun_store_be16(extension + 2, (uint16_t)(start | (more ? 1 : 0)));
    ftun_store_be32(extension + 4, id);
}

struct wire_packet wire_fragment(const uint8_t *packet, uint32_t id, size_t start, size_t end,
                                 bool more)
{
    const bool ipv6 = is_ipv6(packet);
    const size_t plain = ipv6 ? FTUN_IPV6_HEADER : FTUN_IPV4_HEADER_MIN;
    const size_t headers = ipv6 ? plain + IPV6_FRAGMENT_HEADER : plain;
    const struct wire_packet out = {fuzz_allocate(headers + end - start), headers + end - start};
    memcpy(out.bytes, packet, plain);
    memcpy(out.bytes + headers, packet + plain + start, end - start);
    (ipv6 ? fragment_ipv6 : fragment_ipv4)(out.bytes, out.len, id, start, more);
    return out;
}

static void set_icmp_checksum(const struct ftun_ip_header *ip, uint8_t *message, size_t len)
{
    uint16_t sum = ftun_sum(message, len);
    if (ip->protocol == FTUN_PROTOCOL_ICMPV6)
        sum = ftun_sum_add(
            sum, ftun_sum_pseudo_header(&ip->source, &ip->destination, FTUN_PROTOCOL_ICMPV6, len));
    ftun_store_be16(message + 2, (uint16_t)~sum);
}

struct wire_packet wire_too_big(const uint8_t *packet, size_t quoted, uint16_t mtu)
{
    struct ftun_ip_header about;
    FUZZ_REQUIRE(ftun_ip_parse_quoted(packet, quoted, &about) == FTUN_TAKEN);
    const bool ipv6 = is_ipv6(packet);
    const size_t message_len = FTUN_ICMP_HEADER + quoted;
    const struct ftun_ip_header ip = {
        .source = about.destination,
        .destination = about.source,
        .protocol = ipv6 ? FTUN_PROTOCOL_ICMPV6 : FTUN_PROTOCOL_ICMP,
        .ttl = 64,
        .payload_len = message_len,
    };
    uint8_t header[FTUN_IPV6_HEADER];
    const size_t header_len = ftun_ip_emit(&ip, header);
    const struct wire_packet out = {fuzz_allocate(header_len + message_len),
                                    header_len + message_len};
    uint8_t *const message = out.bytes + header_len;
    memcpy(out.bytes, header, header_len);
    memset(message, 0, FTUN_ICMP_HEADER);
    message[0] = ipv6 ? 2 : 3; /* RFC 4443 3.2; RFC 1191 4 */
    message[1] = ipv6 ? 0 : 4;
    ftun_store_be16(message + 6, mtu);
    memcpy(message + FTUN_ICMP_HEADER, packet, quoted);
    set_icmp_checksum(&ip, message, message_len);
    return out;
}

struct wire_packet wire_cut(const uint8_t *packet, size_t len, size_t stride, size_t index)
{
    struct ftun_packet whole;
    FUZZ_REQUIRE(ftun_packet_parse(packet, len, true, &whole) == FTUN_TAKEN);
    const size_t offset = index * stride;
    const size_t rest = whole.payload_len - offset;
    struct ftun_segment segment = {
        .tuple = {.local = {whole.ip.source, whole.tcp.source_port},
                  .remote = {whole.ip.destination, whole.tcp.destination_port}},
        .tcp = whole.tcp,
        .ttl = whole.ip.ttl,
        .ip_id = (uint16_t)(whole.ip.id + index),
        .payload_len = rest < stride ? rest : stride,
    };
    segment.tcp.sequence += (uint32_t)offset;
    if (rest > stride)
        segment.tcp.flags &= (uint8_t) ~(FTUN_PSH | FTUN_FIN);
    const uint8_t *payload = packet + whole.payload_off + offset;
    const struct wire_packet out = {fuzz_allocate(whole.payload_off + segment.payload_len),
                                    whole.payload_off + segment.payload_len};
    memcpy(out.bytes + whole.payload_off, payload, segment.payload_len);
    ftun_segment_emit(&segment, FTUN_CHECKSUM_FULL, ftun_sum(payload, segment.payload_len),
                      out.bytes);
    return out;
}
