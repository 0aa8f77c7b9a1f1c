#include "packet.h"
#include "prove.h"

/* An IPv6 header, an extension header, a TCP header with options. */
#define EXACT_MAX 72u

static void parse_exactly(size_t len)
{
    uint8_t block[EXACT_MAX];
    const uint8_t *exact = any_bytes_at_end(block, sizeof block, len);
    struct ftun_packet packet;
    if (ftun_packet_parse(exact, len, any_bool(), &packet) == FTUN_TAKEN &&
        packet.kind == FTUN_PACKET_SEGMENT) {
        //@ assert packet.payload_off <= len;
        //@ assert packet.payload_off + packet.payload_len <= len;
    }
}

static uint8_t data[PROVE_PACKET_MAX];

static void parse_any_length(void)
{
    struct ftun_packet packet;
    ftun_packet_parse(data, any_size(FTUN_IPV6_HEADER, sizeof data), any_bool(), &packet);
}

/* All but ICMP, of which prove_icmp.c makes large ones. */
static void parse_large_packets(void)
{
    any_bytes(data, sizeof data);
    make_ipv4(data);
    data[9] = Frama_C_unsigned_char_interval(FTUN_PROTOCOL_ICMP + 1, UINT8_MAX);
    parse_any_length();
    make_ipv6(data, FTUN_PROTOCOL_TCP, FTUN_PROTOCOL_TCP);
    parse_any_length();
    make_ipv6(data, 61, UINT8_MAX);
    parse_any_length();
}

static void emit(uint8_t family, uint8_t options_len)
{
    struct ftun_segment segment;
    any_bytes(&segment, sizeof segment);
    segment.tuple.local.ip.family = family;
    segment.tuple.remote.ip.family = family;
    segment.tcp.options_len = options_len;
    segment.payload_len = any_size(0, FTUN_BURST_MAX);
    const size_t len =
        ftun_ip_header_len((enum ftun_family)family) + FTUN_TCP_HEADER_MIN + options_len;
    uint8_t block[FTUN_HEADERS_MAX];
    const enum ftun_checksum_mode mode = any_bool() ? FTUN_CHECKSUM_FULL : FTUN_CHECKSUM_PARTIAL;
    ftun_segment_emit(&segment, mode, any_u16(), block + sizeof block - len);
}

int main(void)
{
    //@ loop unroll EXACT_MAX + 1;
    for (size_t len = 0; len <= EXACT_MAX; len++)
        parse_exactly(len);
    parse_large_packets();
    //@ loop unroll FTUN_TCP_OPTIONS_MAX / 4 + 1;
    for (uint8_t options_len = 0; options_len <= FTUN_TCP_OPTIONS_MAX; options_len += 4) {
        emit(FTUN_IPV4, options_len);
        emit(FTUN_IPV6, options_len);
    }
    return 0;
}
