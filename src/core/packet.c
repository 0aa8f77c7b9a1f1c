#include "packet.h"

#include "bytes.h"
#include "checksum.h"

#include <string.h>

static bool tcp_checksum_wrong(const struct ftun_ip_header *ip, const uint8_t *segment)
{
    const uint16_t pseudo =
        ftun_sum_pseudo_header(&ip->source, &ip->destination, FTUN_PROTOCOL_TCP, ip->payload_len);
    return ftun_sum_add(pseudo, ftun_sum(segment, ip->payload_len)) != 0xffff;
}

static enum ftun_refusal parse_segment(const uint8_t *data, bool checksum_vouched,
                                       struct ftun_packet *out)
{
    const uint8_t *segment = data + out->ip.header_len;
    out->kind = FTUN_PACKET_SEGMENT;
    const enum ftun_refusal refusal = ftun_tcp_parse(segment, out->ip.payload_len, &out->tcp);
    if (refusal != FTUN_TAKEN)
        return refusal;
    if (!checksum_vouched && tcp_checksum_wrong(&out->ip, segment))
        return FTUN_REFUSED_MALFORMED_TCP_CHECKSUM;
    const size_t header_len = ftun_tcp_header_len(&out->tcp);
    out->payload_off = out->ip.header_len + header_len;
    out->payload_len = out->ip.payload_len - header_len;
    return FTUN_TAKEN;
}

static bool is_icmp(const struct ftun_ip_header *ip)
{
    return ip->protocol ==
           (ip->source.family == FTUN_IPV6 ? FTUN_PROTOCOL_ICMPV6 : FTUN_PROTOCOL_ICMP);
}

enum ftun_refusal ftun_packet_parse(const uint8_t *data, size_t len, bool checksum_vouched,
                                    struct ftun_packet *out)
{
    const enum ftun_refusal refusal = ftun_ip_parse(data, len, &out->ip);
    if (refusal != FTUN_TAKEN)
        return refusal;
    /*@ split out->ip.header_len; */ /* case by case, for the prover: tests/proof */
    if (out->ip.source.family == FTUN_IPV4 &&
        ftun_ipv4_header_sum(data, out->ip.header_len) != 0xffff)
        return FTUN_REFUSED_MALFORMED_IP_CHECKSUM;
    if (!ftun_address_is_host(&out->ip.source))
        return FTUN_REFUSED_MALFORMED_IP_SOURCE;
    if (out->ip.fragment) {
        out->kind = FTUN_PACKET_FRAGMENT;
        return FTUN_TAKEN;
    }
    if (out->ip.protocol == FTUN_PROTOCOL_TCP)
        return parse_segment(data, checksum_vouched, out);
    if (!is_icmp(&out->ip))
        return FTUN_REFUSED_UNSUPPORTED_PROTOCOL;
    out->kind = FTUN_PACKET_ICMP_ERROR;
    return ftun_icmp_parse(&out->ip, data + out->ip.header_len, out->ip.payload_len, &out->icmp);
}

static struct ftun_ip_header ip_header(const struct ftun_segment *segment, size_t tcp_len)
{
    return (struct ftun_ip_header){
        .source = segment->tuple.local.ip,
        .destination = segment->tuple.remote.ip,
        .protocol = FTUN_PROTOCOL_TCP,
        .ttl = segment->ttl,
        .flow_label = segment->flow_label,
        .id = segment->ip_id,
        .dont_fragment = true,
        .payload_len = tcp_len + segment->payload_len,
    };
}

size_t ftun_segment_emit(const struct ftun_segment *segment, enum ftun_checksum_mode mode,
                         uint16_t payload_sum, uint8_t *out)
{
    struct ftun_tcp_header tcp = segment->tcp;
    tcp.source_port = segment->tuple.local.port;
    tcp.destination_port = segment->tuple.remote.port;
    tcp.checksum = 0;
    const size_t tcp_len = ftun_tcp_header_len(&tcp);
    const struct ftun_ip_header ip = ip_header(segment, tcp_len);
    const size_t ip_len = ftun_ip_emit(&ip, out);
    ftun_tcp_emit(&tcp, out + ip_len);
    uint16_t sum =
        ftun_sum_pseudo_header(&ip.source, &ip.destination, FTUN_PROTOCOL_TCP, ip.payload_len);
    if (mode == FTUN_CHECKSUM_FULL) {
        sum = ftun_sum_add(sum, ftun_sum(out + ip_len, tcp_len));
        sum = (uint16_t)~ftun_sum_add(sum, payload_sum);
    }
    ftun_store_be16(out + ip_len + FTUN_TCP_CHECKSUM_OFFSET, sum);
    return ip_len + tcp_len;
}
