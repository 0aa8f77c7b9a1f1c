#include "bytes.h"
#include "checksum.h"
#include "ip.h"
#include "mutate.h"

static void repair_ipv4_header(uint8_t *packet, size_t len)
{
    const size_t header_len = (size_t)(packet[0] & 0x0f) * 4;
    if (header_len < FTUN_IPV4_HEADER_MIN || header_len > len)
        packet[0] = 0x45;
    const size_t whole = (size_t)(packet[0] & 0x0f) * 4;
    ftun_store_be16(packet + 2, (uint16_t)len);
    ftun_store_be16(packet + 10, 0);
    ftun_store_be16(packet + 10, (uint16_t)~ftun_sum(packet, whole));
}

static void repair_ip_header(uint8_t *packet, size_t len)
{
    if (packet[0] >> 4 == FTUN_IPV4 && len >= FTUN_IPV4_HEADER_MIN)
        repair_ipv4_header(packet, len);
    else if (packet[0] >> 4 == FTUN_IPV6 && len >= FTUN_IPV6_HEADER)
        ftun_store_be16(packet + 4, (uint16_t)(len - FTUN_IPV6_HEADER));
}

/* Where the checksum stands in the payload, or past its end. */
static size_t checksum_offset(const struct ftun_ip_header *ip)
{
    switch (ip->protocol) {
    case FTUN_PROTOCOL_TCP:
        return 16; /* RFC 9293 3.1 */
    case FTUN_PROTOCOL_ICMP:
    case FTUN_PROTOCOL_ICMPV6:
        return 2; /* RFC 792 */
    default:
        return SIZE_MAX - 2;
    }
}

static void repair_payload(uint8_t *payload, const struct ftun_ip_header *ip)
{
    const size_t offset = checksum_offset(ip);
    if (offset + 2 > ip->payload_len || ip->fragment_offset > 0)
        return;
    uint16_t sum = 0;
    if (ip->protocol != FTUN_PROTOCOL_ICMP)
        sum = ftun_sum_pseudo_header(&ip->source, &ip->destination, ip->protocol, ip->payload_len);
    ftun_store_be16(payload + offset, 0);
    sum = ftun_sum_add(sum, ftun_sum(payload, ip->payload_len));
    ftun_store_be16(payload + offset, (uint16_t)~sum);
}

void fuzz_repair_packet(uint8_t *packet, size_t len, struct fuzz_random *random)
{
    struct ftun_ip_header ip;
    if (len == 0 || len > FTUN_IP_PACKET_MAX || fuzz_random(random, 16) == 0)
        return;
    repair_ip_header(packet, len);
    if (ftun_ip_parse(packet, len, &ip) == FTUN_TAKEN)
        repair_payload(packet + ip.header_len, &ip);
}
