#include "wire.h"

#include "bytes.h"
#include "checksum.h"
#include "memory.h"

#include <stdlib.h>

/* --- the pool ----------------------------------------------------------------------------- */

struct sim_packet *sim_pool_take(struct sim_pool *pool)
{
    struct sim_packet *packet = pool->free;
    if (packet == NULL)
        packet = sim_allocate(sizeof *packet);
    else
        pool->free = packet->next;
    packet->birth = 0;
    packet->label.stream = SIM_NO_STREAM;
    packet->len = 0;
    packet->corrupted = packet->vouched = packet->fragment = packet->beyond_nat = false;
    return packet;
}

struct sim_packet *sim_pool_copy(struct sim_pool *pool, const struct sim_packet *packet)
{
    struct sim_packet *copy = sim_pool_take(pool);
    copy->birth = packet->birth;
    copy->label = packet->label;
    copy->to = packet->to;
    copy->len = packet->len;
    copy->vouched = packet->vouched;
    copy->fragment = packet->fragment;
    copy->beyond_nat = packet->beyond_nat;
    memcpy(copy->bytes, packet->bytes, packet->len);
    return copy;
}

void sim_pool_give(struct sim_pool *pool, struct sim_packet *packet)
{
    packet->next = pool->free;
    pool->free = packet;
}

void sim_pool_destroy(struct sim_pool *pool)
{
    while (pool->free != NULL) {
        struct sim_packet *packet = pool->free;
        pool->free = packet->next;
        free(packet);
    }
}

/* --- segmentation ------------------------------------------------------------------------- */

void sim_wire_cut(const struct ftun_segment *segment, size_t stride, const uint8_t *payload,
                  size_t index, enum ftun_checksum_mode mode, struct sim_packet *out)
{
    struct ftun_segment piece = *segment;
    const size_t off = index * stride;
    const size_t rest = segment->payload_len - off;
    piece.payload_len = stride > 0 && stride < rest ? stride : rest;
    piece.tcp.sequence += (uint32_t)off;
    piece.ip_id = (uint16_t)(piece.ip_id + index);
    if (piece.payload_len < rest)
        piece.tcp.flags &= (uint8_t) ~(FTUN_PSH | FTUN_FIN);
    const uint16_t sum =
        mode == FTUN_CHECKSUM_FULL ? ftun_sum(payload + off, piece.payload_len) : 0;
    out->len = (uint32_t)ftun_segment_emit(&piece, mode, sum, out->bytes);
    memcpy(out->bytes + out->len, payload + off, piece.payload_len);
    out->len += (uint32_t)piece.payload_len;
}

/* --- fragmentation ------------------------------------------------------------------------ */

enum {
    FRAGMENT_UNIT = 8, /* bytes: RFC 791 3.1 */
    FRAGMENT_HEADER = 8,
    IPV6_FRAGMENT = 44, /* RFC 8200 4.5 */
    MORE_FRAGMENTS = 0x2000
};

static bool is_ipv6(const struct sim_packet *packet)
{
    return packet->bytes[0] >> 4 == FTUN_IPV6;
}

static size_t ip_header_len(const struct sim_packet *packet)
{
    return is_ipv6(packet) ? FTUN_IPV6_HEADER : FTUN_IPV4_HEADER_MIN;
}

size_t sim_wire_fragment_at(const struct sim_packet *packet, struct sim_random *random)
{
    const size_t payload_len = packet->len - ip_header_len(packet);
    const size_t first = FTUN_TCP_HEADER_MAX / FRAGMENT_UNIT + 1; /* never within the header */
    const size_t last = (payload_len - 1) / FRAGMENT_UNIT;
    if (first > last || packet->len + FRAGMENT_HEADER > SIM_PACKET_MAX)
        return 0;
    return FRAGMENT_UNIT * sim_random_between(random, (uint32_t)first, (uint32_t)last);
}

size_t sim_wire_fragment_headers(enum ftun_family family)
{
    return family == FTUN_IPV6 ? FTUN_IPV6_HEADER + FRAGMENT_HEADER : FTUN_IPV4_HEADER_MIN;
}

static void finish_ipv4_fragment(uint8_t *ip, const struct sim_fragment *fragment)
{
    ftun_store_be16(ip + 6, (uint16_t)(fragment->offset / FRAGMENT_UNIT |
                                       (fragment->more ? MORE_FRAGMENTS : 0)));
    ftun_store_be16(ip + 10, 0);
    ftun_store_be16(ip + 10, (uint16_t)~ftun_ipv4_header_sum(ip, FTUN_IPV4_HEADER_MIN));
}

static void finish_ipv6_fragment(uint8_t *header, const struct sim_fragment *fragment)
{
    header[0] = fragment->protocol;
    header[1] = 0;
    ftun_store_be16(header + 2, (uint16_t)(fragment->offset | (fragment->more ? 1 : 0)));
    ftun_store_be32(header + 4, fragment->id);
}

void sim_wire_finish_fragment(struct sim_packet *packet, const struct sim_fragment *fragment)
{
    const bool ipv6 = fragment->source.family == FTUN_IPV6;
    const struct ftun_ip_header ip = {
        .source = fragment->source,
        .destination = fragment->destination,
        .protocol = ipv6 ? IPV6_FRAGMENT : fragment->protocol,
        .ttl = 64,
        .id = fragment->id & 0xffff,
        .payload_len = fragment->payload_len + (ipv6 ? FRAGMENT_HEADER : 0),
    };
    const size_t header_len = ftun_ip_emit(&ip, packet->bytes);
    if (ipv6)
        finish_ipv6_fragment(packet->bytes + header_len, fragment);
    else
        finish_ipv4_fragment(packet->bytes, fragment);
    packet->len = (uint32_t)(header_len + ip.payload_len);
    packet->fragment = true;
}

void sim_wire_fragment(struct sim_packet *packet, size_t at, uint32_t id, struct sim_packet *second)
{
    struct ftun_ip_header ip;
    if (ftun_ip_parse(packet->bytes, packet->len, &ip) != FTUN_TAKEN)
        return;
    const size_t headers_len = sim_wire_fragment_headers((enum ftun_family)ip.source.family);
    struct sim_fragment fragment = {.source = ip.source,
                                    .destination = ip.destination,
                                    .protocol = ip.protocol,
                                    .id = id,
                                    .offset = at,
                                    .payload_len = ip.payload_len - at};
    second->birth = packet->birth;
    second->to = packet->to;
    second->beyond_nat = packet->beyond_nat;
    memcpy(second->bytes + headers_len, packet->bytes + ip.header_len + at, ip.payload_len - at);
    memmove(packet->bytes + headers_len, packet->bytes + ip.header_len, at);
    sim_wire_finish_fragment(second, &fragment);
    fragment.offset = 0;
    fragment.payload_len = at;
    fragment.more = true;
    sim_wire_finish_fragment(packet, &fragment);
}

/* --- corruption --------------------------------------------------------------------------- */

void sim_wire_corrupt(struct sim_packet *packet, struct sim_random *random)
{
    if (sim_random_below(random, 8) == 0) {
        packet->len = sim_random_below(random, packet->len);
        return;
    }
    /* No checksum covers what stands before the addresses of an IPv6 packet, nor its Fragment
     * header. */
    size_t from = 0;
    if (is_ipv6(packet))
        from = packet->fragment ? FTUN_IPV6_HEADER + FRAGMENT_HEADER : 8;
    const uint32_t words = (uint32_t)(packet->len - from) / 2;
    uint8_t *word = packet->bytes + from + 2 * (size_t)sim_random_below(random, words);
    const uint16_t change = (uint16_t)sim_random_between(random, 1, 0xfffe); /* 0xffff: +0 to -0 */
    ftun_store_be16(word, ftun_load_be16(word) ^ change);
}

/* --- ICMP --------------------------------------------------------------------------------- */

void sim_wire_finish(struct sim_packet *packet, const struct ftun_address *source,
                     const struct ftun_address *destination, uint8_t protocol, size_t payload_len,
                     size_t checksum_off)
{
    const struct ftun_ip_header ip = {
        .source = *source,
        .destination = *destination,
        .protocol = protocol,
        .ttl = 64,
        .dont_fragment = true,
        .payload_len = payload_len,
    };
    uint8_t *payload = packet->bytes + ftun_ip_emit(&ip, packet->bytes);
    ftun_store_be16(payload + checksum_off, 0);
    uint16_t sum = ftun_sum(payload, payload_len);
    if (protocol != FTUN_PROTOCOL_ICMP)
        sum = ftun_sum_add(sum, ftun_sum_pseudo_header(source, destination, protocol, payload_len));
    ftun_store_be16(payload + checksum_off, (uint16_t)~sum);
    packet->len = (uint32_t)(ftun_ip_header_len((enum ftun_family)source->family) + payload_len);
}

void sim_wire_too_big(const struct sim_packet *packet, uint16_t mtu, struct sim_packet *out)
{
    enum { QUOTED_TCP = 8 };
    const bool ipv6 = is_ipv6(packet);
    struct ftun_ip_header ip;
    if (ftun_ip_parse(packet->bytes, packet->len, &ip) != FTUN_TAKEN)
        return;
    const size_t header_len = ip_header_len(packet);
    const size_t quoted = header_len + QUOTED_TCP;
    uint8_t *icmp = out->bytes + header_len;
    memset(icmp, 0, FTUN_ICMP_HEADER);
    icmp[0] = ipv6 ? 2 : 3; /* RFC 4443 3.2, RFC 792 */
    icmp[1] = ipv6 ? 0 : 4;
    ftun_store_be16(icmp + 6, mtu);
    memcpy(icmp + FTUN_ICMP_HEADER, packet->bytes, quoted);
    out->to = sim_other(packet->to);
    sim_wire_finish(out, &ip.destination, &ip.source,
                    ipv6 ? FTUN_PROTOCOL_ICMPV6 : FTUN_PROTOCOL_ICMP, FTUN_ICMP_HEADER + quoted, 2);
}

/* --- RST ---------------------------------------------------------------------------------- */

void sim_wire_turn_into_reset(struct sim_packet *packet)
{
    enum { FLAGS = 13 };
    packet->bytes[ip_header_len(packet) + FLAGS] = FTUN_RST;
    packet->label.stream = SIM_NO_STREAM;
}

bool sim_wire_reset(const struct sim_packet *packet, struct sim_packet *out)
{
    struct ftun_packet read;
    if (ftun_packet_parse(packet->bytes, packet->len, packet->vouched, &read) != FTUN_TAKEN ||
        read.kind != FTUN_PACKET_SEGMENT || (read.tcp.flags & FTUN_RST) != 0)
        return false;
    struct ftun_tcp_header tcp = {
        .source_port = read.tcp.destination_port,
        .destination_port = read.tcp.source_port,
        .sequence = read.tcp.acknowledgment,
        .flags = FTUN_RST,
    };
    if ((read.tcp.flags & FTUN_ACK) == 0) {
        tcp.sequence = 0;
        tcp.acknowledgment = read.tcp.sequence + (uint32_t)read.payload_len + 1;
        tcp.flags = FTUN_RST | FTUN_ACK;
    }
    const size_t tcp_len = ftun_tcp_emit(&tcp, out->bytes + ip_header_len(packet));
    out->to = sim_other(packet->to);
    sim_wire_finish(out, &read.ip.destination, &read.ip.source, FTUN_PROTOCOL_TCP, tcp_len,
                    FTUN_TCP_CHECKSUM_OFFSET);
    return true;
}
