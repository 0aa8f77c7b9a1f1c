#include "bytes.h"
#include "checksum.h"
#include "packet.h"
#include "rewrite.h"
#include "unit.h"

#include <string.h>

static size_t write_segment(uint8_t *packet, enum ftun_family family, uint8_t flags)
{
    struct ftun_segment s = {
        .tcp = {.sequence = 1000, .acknowledgment = 0xfffffff0, .window = 501, .flags = flags},
        .ttl = 64,
        .payload_len = 5,
    };
    s.tuple.local = at(family == FTUN_IPV6 ? ipv6(1) : ipv4(10, 0, 0, 1), 1234);
    s.tuple.remote = at(family == FTUN_IPV6 ? ipv6(2) : ipv4(10, 0, 0, 2), 4567);
    const uint8_t *hello = (const uint8_t *)"hello";
    const size_t headers = ftun_segment_emit(&s, FTUN_CHECKSUM_FULL, ftun_sum(hello, 5), packet);
    memcpy(packet + headers, hello, 5);
    return headers + 5;
}

static void a_right_checksum_stays_right(void **state)
{
    (void)state;
    const enum ftun_family families[] = {FTUN_IPV4, FTUN_IPV6};
    for (size_t i = 0; i < LENGTH(families); i++) {
        uint8_t packet[200];
        struct ftun_numbers numbers;
        struct ftun_packet parsed;
        const size_t len = write_segment(packet, families[i], FTUN_ACK);
        assert_true(ftun_numbers_find(packet, len, &numbers));
        assert_int_equal(numbers.tuple.local.port, 4567);
        assert_int_equal(numbers.tuple.remote.port, 1234);
        ftun_numbers_rewrite(packet, &numbers, 40000, 0x12345678);
        assert_int_equal(ftun_packet_parse(packet, len, false, &parsed), FTUN_TAKEN);
        assert_int_equal(parsed.tcp.destination_port, 40000);
        assert_int_equal(parsed.tcp.acknowledgment, 0x12345668);
        assert_int_equal(parsed.tcp.sequence, 1000);
    }
}

static void a_wrong_checksum_stays_wrong(void **state)
{
    (void)state;
    uint8_t packet[200];
    struct ftun_numbers numbers;
    struct ftun_packet parsed;
    const size_t len = write_segment(packet, FTUN_IPV4, FTUN_ACK);
    packet[len - 1] ^= 1;
    assert_true(ftun_numbers_find(packet, len, &numbers));
    ftun_numbers_rewrite(packet, &numbers, 40000, 77);
    assert_int_equal(ftun_packet_parse(packet, len, false, &parsed),
                     FTUN_REFUSED_MALFORMED_TCP_CHECKSUM);
}

static void without_ack_only_the_port_changes(void **state)
{
    (void)state;
    uint8_t packet[200];
    struct ftun_numbers numbers;
    struct ftun_packet parsed;
    const size_t len = write_segment(packet, FTUN_IPV4, FTUN_SYN);
    assert_true(ftun_numbers_find(packet, len, &numbers));
    ftun_numbers_rewrite(packet, &numbers, 40000, 77);
    assert_int_equal(ftun_packet_parse(packet, len, false, &parsed), FTUN_TAKEN);
    assert_int_equal(parsed.tcp.destination_port, 40000);
    assert_int_equal(parsed.tcp.acknowledgment, 0xfffffff0);
}

static size_t write_icmp(uint8_t *packet)
{
    uint8_t *message = packet + FTUN_IPV4_HEADER_MIN;
    memset(message, 0, FTUN_ICMP_HEADER);
    message[0] = 3;
    message[1] = 4;
    ftun_store_be16(message + 6, 1400);
    write_segment(message + FTUN_ICMP_HEADER, FTUN_IPV4, FTUN_ACK);
    const size_t message_len = FTUN_ICMP_HEADER + FTUN_IPV4_HEADER_MIN + 8;
    ftun_store_be16(message + 2, (uint16_t)~ftun_sum(message, message_len));
    const struct ftun_ip_header ip = {.source = ipv4(10, 0, 0, 254),
                                      .destination = ipv4(10, 0, 0, 1),
                                      .protocol = FTUN_PROTOCOL_ICMP,
                                      .ttl = 64,
                                      .payload_len = message_len};
    return ftun_ip_emit(&ip, packet) + message_len;
}

static void what_an_icmp_error_quotes_is_rewritten_too(void **state)
{
    (void)state;
    uint8_t packet[200];
    struct ftun_numbers numbers;
    struct ftun_packet parsed;
    const size_t len = write_icmp(packet);
    assert_true(ftun_numbers_find(packet, len, &numbers));
    assert_int_equal(numbers.tuple.local.port, 1234);
    assert_int_equal(numbers.flags, 0);
    ftun_numbers_rewrite(packet, &numbers, 40000, 500);
    assert_int_equal(ftun_packet_parse(packet, len, false, &parsed), FTUN_TAKEN);
    assert_int_equal(parsed.icmp.tuple.local.port, 40000);
    assert_int_equal(parsed.icmp.sequence, 1500);
    assert_int_equal(parsed.icmp.mtu, 1400);
}

static void a_packet_cut_anywhere_is_left_alone(void **state)
{
    (void)state;
    uint8_t packet[200];
    struct ftun_numbers numbers;
    const size_t len = write_segment(packet, FTUN_IPV6, FTUN_ACK);
    for (size_t cut = 0; cut < len; cut++)
        assert_false(ftun_numbers_find(packet, cut, &numbers));
    const size_t icmp_len = write_icmp(packet);
    for (size_t cut = 0; cut < icmp_len; cut++)
        assert_false(ftun_numbers_find(packet, cut, &numbers));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_right_checksum_stays_right),
        cmocka_unit_test(a_wrong_checksum_stays_wrong),
        cmocka_unit_test(without_ack_only_the_port_changes),
        cmocka_unit_test(what_an_icmp_error_quotes_is_rewritten_too),
        cmocka_unit_test(a_packet_cut_anywhere_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
