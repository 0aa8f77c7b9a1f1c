#include "bytes.h"
#include "checksum.h"
#include "packet.h"
#include "unit.h"

static struct ftun_segment segment(enum ftun_family family)
{
    struct ftun_segment s = {
        .tcp = {.sequence = 1000,
                .acknowledgment = 2000,
                .window = 501,
                .checksum = 0xdead, /* not ours to say */
                .flags = FTUN_ACK | FTUN_PSH,
                .options_len = 4,
                .options = {1, 3, 3, 7}},
        .ttl = 65,
        .ip_id = 7,
        .payload_len = 5,
    };
    s.tuple.local = at(family == FTUN_IPV6 ? ipv6(1) : ipv4(10, 0, 0, 1), 1234);
    s.tuple.remote = at(family == FTUN_IPV6 ? ipv6(2) : ipv4(10, 0, 0, 2), 4567);
    return s;
}

static const uint8_t hello[5] = {'h', 'e', 'l', 'l', 'o'};

static size_t write_packet(uint8_t *packet, enum ftun_family family, enum ftun_checksum_mode mode)
{
    const struct ftun_segment s = segment(family);
    const size_t headers = ftun_segment_emit(&s, mode, ftun_sum(hello, sizeof hello), packet);
    memcpy(packet + headers, hello, sizeof hello);
    return headers + sizeof hello;
}

static void an_emitted_segment_parses_to_the_same(void **state)
{
    (void)state;
    const enum ftun_family families[] = {FTUN_IPV4, FTUN_IPV6};
    for (size_t i = 0; i < LENGTH(families); i++) {
        uint8_t packet[200];
        struct ftun_packet p;
        const struct ftun_segment s = segment(families[i]);
        const size_t len = write_packet(packet, families[i], FTUN_CHECKSUM_FULL);
        assert_int_equal(len, (families[i] == FTUN_IPV6 ? 40u : 20u) + 24u + sizeof hello);
        assert_int_equal(ftun_packet_parse(packet, len, false, &p), FTUN_TAKEN);
        assert_int_equal(p.kind, FTUN_PACKET_SEGMENT);
        assert_true(ftun_address_equal(&p.ip.source, &s.tuple.local.ip));
        assert_true(ftun_address_equal(&p.ip.destination, &s.tuple.remote.ip));
        assert_int_equal(p.tcp.source_port, 1234);
        assert_int_equal(p.tcp.destination_port, 4567);
        assert_int_equal(p.tcp.sequence, 1000);
        assert_int_equal(p.tcp.acknowledgment, 2000);
        assert_int_equal(p.tcp.window, 501);
        assert_true(p.ip.dont_fragment);
        assert_int_equal(p.tcp.flags, FTUN_ACK | FTUN_PSH);
        assert_int_equal(p.tcp.options_len, 4);
        assert_memory_equal(p.tcp.options, s.tcp.options, 4);
        assert_int_equal(p.payload_len, 5);
        assert_memory_equal(packet + p.payload_off, hello, 5);
    }
}

/* F03: Phantun never verifies a checksum inbound. */
static void F03_any_flipped_bit_is_found_by_a_checksum(void **state)
{
    (void)state;
    const enum ftun_family families[] = {FTUN_IPV4, FTUN_IPV6};
    for (size_t i = 0; i < LENGTH(families); i++) {
        uint8_t packet[200];
        struct ftun_packet p;
        const size_t len = write_packet(packet, families[i], FTUN_CHECKSUM_FULL);
        const size_t first = families[i] == FTUN_IPV6 ? 8 : 0; /* what a checksum covers */
        for (size_t bit = first * 8; bit < len * 8; bit++) {
            packet[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_not_equal(ftun_packet_parse(packet, len, false, &p), FTUN_TAKEN);
            packet[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
}

static void F03_a_wrong_tcp_checksum_is_refused_unless_the_kernel_vouched(void **state)
{
    (void)state;
    uint8_t packet[200];
    struct ftun_packet p;
    const size_t len = write_packet(packet, FTUN_IPV4, FTUN_CHECKSUM_FULL);
    packet[len - 1] ^= 1;
    assert_int_equal(ftun_packet_parse(packet, len, false, &p),
                     FTUN_REFUSED_MALFORMED_TCP_CHECKSUM);
    assert_int_equal(ftun_packet_parse(packet, len, true, &p), FTUN_TAKEN);
}

static void a_partial_checksum_is_the_sum_of_the_pseudo_header(void **state)
{
    (void)state;
    uint8_t packet[200];
    const struct ftun_segment s = segment(FTUN_IPV4);
    write_packet(packet, FTUN_IPV4, FTUN_CHECKSUM_PARTIAL);
    assert_int_equal(ftun_load_be16(packet + 20 + FTUN_TCP_CHECKSUM_OFFSET),
                     ftun_sum_pseudo_header(&s.tuple.local.ip, &s.tuple.remote.ip, 6, 24 + 5));
}

/* RFC 1122 3.2.1.3, RFC 9293 3.9.2.3 */
static void a_source_that_is_nobodys_is_malformed(void **state)
{
    (void)state;
    const struct {
        struct ftun_address source;
        enum ftun_refusal refusal;
    } cases[] = {
        {ipv4(223, 255, 255, 255), FTUN_TAKEN},
        {ipv4(255, 255, 255, 254), FTUN_TAKEN},
        {ipv4(0, 0, 0, 0), FTUN_REFUSED_MALFORMED_IP_SOURCE},
        {ipv4(224, 0, 0, 1), FTUN_REFUSED_MALFORMED_IP_SOURCE},
        {ipv4(239, 255, 255, 255), FTUN_REFUSED_MALFORMED_IP_SOURCE},
        {ipv4(255, 255, 255, 255), FTUN_REFUSED_MALFORMED_IP_SOURCE},
        {{.bytes = {0}, .family = FTUN_IPV6}, FTUN_REFUSED_MALFORMED_IP_SOURCE},
        {{.bytes = {[15] = 1}, .family = FTUN_IPV6}, FTUN_TAKEN},
        {{.bytes = {0xff, 2, [15] = 1}, .family = FTUN_IPV6}, FTUN_REFUSED_MALFORMED_IP_SOURCE},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        uint8_t packet[200];
        struct ftun_packet p;
        struct ftun_segment s = segment((enum ftun_family)cases[i].source.family);
        s.tuple.local.ip = cases[i].source;
        s.payload_len = 0;
        const size_t len = ftun_segment_emit(&s, FTUN_CHECKSUM_FULL, 0, packet);
        assert_int_equal(ftun_packet_parse(packet, len, false, &p), cases[i].refusal);
    }
}

/* F02: each of these panics Phantun. */
static void F02_a_packet_cut_at_any_length_is_a_counted_refusal(void **state)
{
    (void)state;
    const enum ftun_family families[] = {FTUN_IPV4, FTUN_IPV6};
    for (size_t i = 0; i < LENGTH(families); i++) {
        uint8_t packet[200];
        struct ftun_packet p;
        const size_t len = write_packet(packet, families[i], FTUN_CHECKSUM_FULL);
        for (size_t cut = 0; cut < len; cut++)
            assert_int_equal(ftun_packet_parse(packet, cut, false, &p), FTUN_REFUSED_TRUNCATED_IP);
    }
}

/* An IPv4 packet of 20 bytes header and this TCP header, its lengths and IP checksum right. */
static enum ftun_refusal parse_tcp(const uint8_t *tcp, size_t len)
{
    uint8_t packet[100];
    struct ftun_packet p;
    const struct ftun_ip_header ip = {.source = ipv4(10, 0, 0, 1),
                                      .destination = ipv4(10, 0, 0, 2),
                                      .protocol = 6,
                                      .ttl = 64,
                                      .payload_len = len};
    const size_t header_len = ftun_ip_emit(&ip, packet);
    memcpy(packet + header_len, tcp, len);
    return ftun_packet_parse(packet, header_len + len, true, &p);
}

static void F02_impossible_tcp_headers_are_told_apart(void **state)
{
    (void)state;
    uint8_t tcp[24] = {0, 1, 0, 2, [12] = 0x50, [13] = FTUN_ACK};
    assert_int_equal(parse_tcp(tcp, 20), FTUN_TAKEN);
    for (size_t len = 0; len < 20; len++)
        assert_int_equal(parse_tcp(tcp, len), FTUN_REFUSED_TRUNCATED_TCP);
    tcp[12] = 0x40;
    assert_int_equal(parse_tcp(tcp, 20), FTUN_REFUSED_MALFORMED_TCP_HEADER);
    tcp[12] = 0x60;
    assert_int_equal(parse_tcp(tcp, 20), FTUN_REFUSED_TRUNCATED_TCP);
    tcp[20] = 2; /* an MSS of no length */
    assert_int_equal(parse_tcp(tcp, 24), FTUN_REFUSED_MALFORMED_TCP_OPTIONS);
}

static void flags_that_contradict_each_other_are_malformed(void **state)
{
    (void)state;
    static const uint8_t refused[] = {
        0, FTUN_PSH, FTUN_SYN | FTUN_FIN, FTUN_SYN | FTUN_RST, FTUN_FIN | FTUN_RST, 0xff, FTUN_URG};
    static const uint8_t taken[] = {FTUN_SYN, FTUN_SYN | FTUN_ACK,           FTUN_ACK,
                                    FTUN_RST, FTUN_RST | FTUN_ACK,           FTUN_FIN | FTUN_ACK,
                                    FTUN_FIN, FTUN_SYN | FTUN_ECE | FTUN_CWR};
    uint8_t tcp[20] = {0, 1, 0, 2, [12] = 0x50};
    for (size_t i = 0; i < LENGTH(refused); i++) {
        tcp[13] = refused[i];
        assert_int_equal(parse_tcp(tcp, 20), FTUN_REFUSED_MALFORMED_TCP_FLAGS);
    }
    for (size_t i = 0; i < LENGTH(taken); i++) {
        tcp[13] = taken[i];
        assert_int_equal(parse_tcp(tcp, 20), FTUN_TAKEN);
    }
}

static void other_protocols_are_unsupported_and_fragments_told_apart(void **state)
{
    (void)state;
    uint8_t packet[60] = {0};
    struct ftun_packet p;
    struct ftun_ip_header ip = {.source = ipv4(10, 0, 0, 1),
                                .destination = ipv4(10, 0, 0, 2),
                                .protocol = FTUN_PROTOCOL_UDP,
                                .ttl = 64,
                                .payload_len = 40};
    ftun_ip_emit(&ip, packet);
    assert_int_equal(ftun_packet_parse(packet, 60, true, &p), FTUN_REFUSED_UNSUPPORTED_PROTOCOL);
    packet[6] = 0x20; /* more fragments */
    packet[10] = packet[11] = 0;
    ftun_store_be16(packet + 10, (uint16_t)~ftun_ipv4_header_sum(packet, 20));
    assert_int_equal(ftun_packet_parse(packet, 60, true, &p), FTUN_TAKEN);
    assert_int_equal(p.kind, FTUN_PACKET_FRAGMENT);
    packet[8]--;
    assert_int_equal(ftun_packet_parse(packet, 60, true, &p), FTUN_REFUSED_MALFORMED_IP_CHECKSUM);
}

/* An ICMP error to 10.0.0.1 about its segment 1234 -> 10.0.0.2:4567. */
static size_t write_icmp(uint8_t *packet, uint8_t type, uint8_t code, uint16_t mtu)
{
    const struct ftun_ip_header ip = {.source = ipv4(10, 9, 9, 9),
                                      .destination = ipv4(10, 0, 0, 1),
                                      .protocol = FTUN_PROTOCOL_ICMP,
                                      .ttl = 64,
                                      .payload_len = 8 + 28};
    const size_t off = ftun_ip_emit(&ip, packet);
    uint8_t *icmp = packet + off;
    uint8_t quoted[200];
    write_packet(quoted, FTUN_IPV4, FTUN_CHECKSUM_FULL);
    memset(icmp, 0, 8);
    icmp[0] = type;
    icmp[1] = code;
    ftun_store_be16(icmp + 6, mtu);
    memcpy(icmp + 8, quoted, 28);
    ftun_store_be16(icmp + 2, (uint16_t)~ftun_sum(icmp, 36));
    return off + 36;
}

static void an_icmp_too_big_names_the_segment_and_the_mtu(void **state)
{
    (void)state;
    uint8_t packet[200];
    struct ftun_packet p;
    const size_t len = write_icmp(packet, 3, 4, 1280);
    assert_int_equal(ftun_packet_parse(packet, len, false, &p), FTUN_TAKEN);
    assert_int_equal(p.kind, FTUN_PACKET_ICMP_ERROR);
    assert_int_equal(p.icmp.kind, FTUN_ICMP_TOO_BIG);
    assert_int_equal(p.icmp.mtu, 1280);
    assert_int_equal(p.icmp.tuple.local.port, 1234);
    assert_int_equal(p.icmp.tuple.remote.port, 4567);
    assert_int_equal(p.icmp.sequence, 1000);
}

static void other_icmp_is_told_apart(void **state)
{
    (void)state;
    uint8_t packet[200];
    struct ftun_packet p;
    size_t len = write_icmp(packet, 3, 1, 0);
    assert_int_equal(ftun_packet_parse(packet, len, false, &p), FTUN_TAKEN);
    assert_int_equal(p.icmp.kind, FTUN_ICMP_UNREACHABLE);
    len = write_icmp(packet, 8, 0, 0); /* echo request */
    assert_int_equal(ftun_packet_parse(packet, len, false, &p), FTUN_REFUSED_UNSUPPORTED_PROTOCOL);
    len = write_icmp(packet, 3, 4, 1280);
    packet[len - 1] ^= 1;
    assert_int_equal(ftun_packet_parse(packet, len, false, &p),
                     FTUN_REFUSED_MALFORMED_ICMP_CHECKSUM);
}

static size_t write_icmpv6_too_big(uint8_t *packet, uint32_t mtu)
{
    uint8_t quoted[200];
    const size_t quoted_len = write_packet(quoted, FTUN_IPV6, FTUN_CHECKSUM_FULL);
    const struct ftun_ip_header ip = {.source = ipv6(99),
                                      .destination = ipv6(1),
                                      .protocol = FTUN_PROTOCOL_ICMPV6,
                                      .ttl = 64,
                                      .payload_len = 8 + quoted_len};
    uint8_t *icmp = packet + ftun_ip_emit(&ip, packet);
    memset(icmp, 0, 8);
    icmp[0] = 2;
    ftun_store_be32(icmp + 4, mtu);
    memcpy(icmp + 8, quoted, quoted_len);
    const uint16_t pseudo = ftun_sum_pseudo_header(&ip.source, &ip.destination, 58, ip.payload_len);
    ftun_store_be16(icmp + 2, (uint16_t)~ftun_sum_add(pseudo, ftun_sum(icmp, ip.payload_len)));
    return 40 + ip.payload_len;
}

static void an_icmpv6_too_big_names_the_segment_and_the_mtu(void **state)
{
    (void)state;
    uint8_t packet[300];
    struct ftun_packet p;
    const size_t len = write_icmpv6_too_big(packet, 1280);
    assert_int_equal(ftun_packet_parse(packet, len, false, &p), FTUN_TAKEN);
    assert_int_equal(p.icmp.kind, FTUN_ICMP_TOO_BIG);
    assert_int_equal(p.icmp.mtu, 1280);
    assert_int_equal(p.icmp.tuple.remote.port, 4567);
}

/* RFC 8201 4 */
static void an_icmpv6_too_big_below_the_least_mtu_is_refused(void **state)
{
    (void)state;
    uint8_t packet[300];
    struct ftun_packet p;
    const size_t len = write_icmpv6_too_big(packet, 1279);
    assert_int_equal(ftun_packet_parse(packet, len, false, &p), FTUN_REFUSED_MALFORMED_ICMP_MTU);
}

static void an_icmp_error_cut_anywhere_is_truncated(void **state)
{
    (void)state;
    uint8_t packet[200];
    struct ftun_packet p;
    const size_t whole = write_icmp(packet, 3, 4, 1280);
    for (size_t len = 20; len < whole; len++) {
        ftun_store_be16(packet + 2, (uint16_t)len);
        ftun_store_be16(packet + 10, 0);
        ftun_store_be16(packet + 10, (uint16_t)~ftun_ipv4_header_sum(packet, 20));
        if (len >= 28) {
            ftun_store_be16(packet + 22, 0);
            ftun_store_be16(packet + 22, (uint16_t)~ftun_sum(packet + 20, len - 20));
        }
        assert_int_equal(ftun_packet_parse(packet, len, false, &p), FTUN_REFUSED_TRUNCATED_ICMP);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_emitted_segment_parses_to_the_same),
        cmocka_unit_test(F03_any_flipped_bit_is_found_by_a_checksum),
        cmocka_unit_test(F03_a_wrong_tcp_checksum_is_refused_unless_the_kernel_vouched),
        cmocka_unit_test(a_partial_checksum_is_the_sum_of_the_pseudo_header),
        cmocka_unit_test(a_source_that_is_nobodys_is_malformed),
        cmocka_unit_test(F02_a_packet_cut_at_any_length_is_a_counted_refusal),
        cmocka_unit_test(F02_impossible_tcp_headers_are_told_apart),
        cmocka_unit_test(flags_that_contradict_each_other_are_malformed),
        cmocka_unit_test(other_protocols_are_unsupported_and_fragments_told_apart),
        cmocka_unit_test(an_icmp_too_big_names_the_segment_and_the_mtu),
        cmocka_unit_test(other_icmp_is_told_apart),
        cmocka_unit_test(an_icmpv6_too_big_names_the_segment_and_the_mtu),
        cmocka_unit_test(an_icmpv6_too_big_below_the_least_mtu_is_refused),
        cmocka_unit_test(an_icmp_error_cut_anywhere_is_truncated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
