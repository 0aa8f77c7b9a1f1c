#include "rewrite.h"

#include "bytes.h"
#include "checksum.h"
#include "icmp.h"
#include "tcp.h"

/* Bytes from the start of a TCP header (RFC 9293 3.1) or an ICMP message (RFC 792). */
enum {
    TCP_SOURCE_PORT = 0,
    TCP_DESTINATION_PORT = 2,
    TCP_SEQUENCE = 4,
    TCP_ACKNOWLEDGMENT = 8,
    TCP_FLAGS = 13,
    ICMP_CHECKSUM = 2
};

static void find_in_segment(const uint8_t *packet, const struct ftun_ip_header *ip,
                            struct ftun_numbers *out)
{
    const size_t at = ip->header_len;
    const uint8_t *tcp = packet + at;
    const bool has_ack = (tcp[TCP_FLAGS] & FTUN_ACK) != 0;
    *out = (struct ftun_numbers){
        .tuple = {.local = {ip->destination, ftun_load_be16(tcp + TCP_DESTINATION_PORT)},
                  .remote = {ip->source, ftun_load_be16(tcp + TCP_SOURCE_PORT)}},
        .flags = tcp[TCP_FLAGS],
        .value = ftun_load_be32(tcp + TCP_ACKNOWLEDGMENT),
        .port_at = at + TCP_DESTINATION_PORT,
        .value_at = has_ack ? at + TCP_ACKNOWLEDGMENT : 0,
        .checksum_at = at + FTUN_TCP_CHECKSUM_OFFSET,
    };
}

static bool find_in_quote(const uint8_t *packet, const struct ftun_ip_header *ip,
                          struct ftun_numbers *out)
{
    struct ftun_ip_header quoted;
    struct ftun_icmp_error error;
    const uint8_t *message = packet + ip->header_len;
    if (ftun_icmp_parse(ip, message, ip->payload_len, &error) != FTUN_TAKEN ||
        ftun_ip_parse_quoted(message + FTUN_ICMP_HEADER, ip->payload_len - FTUN_ICMP_HEADER,
                             &quoted) != FTUN_TAKEN)
        return false;
    const size_t at = ip->header_len + FTUN_ICMP_HEADER + quoted.header_len;
    *out = (struct ftun_numbers){
        .tuple = error.tuple,
        .value = error.sequence,
        .port_at = at + TCP_SOURCE_PORT,
        .value_at = at + TCP_SEQUENCE,
        .checksum_at = ip->header_len + ICMP_CHECKSUM,
    };
    return true;
}

bool ftun_numbers_find(const uint8_t *packet, size_t len, struct ftun_numbers *out)
{
    struct ftun_ip_header ip;
    if (ftun_ip_parse(packet, len, &ip) != FTUN_TAKEN || ip.fragment_offset != 0)
        return false;
    if (ip.protocol == FTUN_PROTOCOL_ICMP || ip.protocol == FTUN_PROTOCOL_ICMPV6)
        return find_in_quote(packet, &ip, out);
    if (ip.protocol != FTUN_PROTOCOL_TCP || FTUN_TCP_HEADER_MIN > ip.payload_len)
        return false;
    find_in_segment(packet, &ip, out);
    return true;
}

/* RFC 1624 3: HC' = ~(~HC + ~m + m') */
static void replace(uint8_t *packet, size_t at, size_t checksum_at, uint16_t value)
{
    const uint16_t old = ftun_load_be16(packet + at);
    uint16_t sum = (uint16_t)~ftun_load_be16(packet + checksum_at);
    sum = ftun_sum_add(ftun_sum_add(sum, (uint16_t)~old), value);
    ftun_store_be16(packet + at, value);
    ftun_store_be16(packet + checksum_at, (uint16_t)~sum);
}

void ftun_numbers_rewrite(uint8_t *packet, const struct ftun_numbers *numbers, uint16_t port,
                          uint32_t offset)
{
    if (port != numbers->tuple.local.port)
        replace(packet, numbers->port_at, numbers->checksum_at, port);
    if (numbers->value_at == 0 || offset == 0)
        return;
    const uint32_t value = numbers->value + offset;
    replace(packet, numbers->value_at, numbers->checksum_at, (uint16_t)(value >> 16));
    replace(packet, numbers->value_at + 2, numbers->checksum_at, (uint16_t)value);
}
