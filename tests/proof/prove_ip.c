#include "ip.h"
#include "prove.h"

#define EXACT_MAX 72u

static void parse_exactly(size_t len)
{
    uint8_t block[EXACT_MAX];
    const uint8_t *packet = any_bytes_at_end(block, sizeof block, len);
    struct ftun_ip_header header;
    if (ftun_ip_parse(packet, len, &header) == FTUN_TAKEN) {
        //@ assert within: header.header_len + header.payload_len <= len;
    }
}

static void parse_quoted_exactly(size_t len)
{
    uint8_t block[EXACT_MAX];
    const uint8_t *packet = any_bytes_at_end(block, sizeof block, len);
    struct ftun_ip_header header;
    if (ftun_ip_parse_quoted(packet, len, &header) == FTUN_TAKEN) {
        //@ assert quote_within: header.header_len + header.payload_len <= len;
    }
}

static uint8_t packet[PROVE_PACKET_MAX];

static void parse_any_length(size_t max)
{
    struct ftun_ip_header header;
    ftun_ip_parse(packet, any_size(FTUN_IPV6_HEADER, max), &header);
    ftun_ip_parse_quoted(packet, any_size(FTUN_IPV6_HEADER, max), &header);
}

static void parse_large_packets(void)
{
    any_bytes(packet, sizeof packet);
    make_ipv4(packet);
    parse_any_length(sizeof packet);
    make_ipv6(packet, 1, 42);
    parse_any_length(sizeof packet);
    make_ipv6(packet, 45, 59);
    parse_any_length(sizeof packet);
    make_ipv6(packet, 61, UINT8_MAX);
    parse_any_length(sizeof packet);
}

static void emit(uint8_t family)
{
    struct ftun_ip_header header;
    any_bytes(&header, sizeof header);
    header.dont_fragment = any_bool();
    header.source.family = family;
    header.destination.family = family;
    const size_t header_len = ftun_ip_header_len((enum ftun_family)family);
    uint8_t block[FTUN_IPV6_HEADER];
    ftun_ip_emit(&header, block + sizeof block - header_len);
}

int main(void)
{
    //@ loop unroll EXACT_MAX + 1;
    for (size_t len = 0; len <= EXACT_MAX; len++) {
        parse_exactly(len);
        parse_quoted_exactly(len);
    }
    parse_large_packets();
    emit(FTUN_IPV4);
    emit(FTUN_IPV6);
    return 0;
}
