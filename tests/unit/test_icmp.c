#include "bytes.h"
#include "checksum.h"
#include "icmp.h"
#include "unit.h"

enum { MESSAGE = FTUN_ICMP_HEADER + FTUN_IPV6_HEADER + 8, MTU = 1280 };

static uint8_t message[MESSAGE];
static size_t message_len;
static struct ftun_ip_header outer, quoted;
static struct ftun_icmp_error error;

/* An error of a router about our segment 1234 -> 4567 with sequence number 99; its quote ends
 * behind the eight bytes of TCP that RFC 792 promises. */
static void arrange(enum ftun_family family, uint8_t type, uint8_t code)
{
    const bool v6 = family == FTUN_IPV6;
    quoted = (struct ftun_ip_header){.source = v6 ? ipv6(1) : ipv4(10, 0, 0, 1),
                                     .destination = v6 ? ipv6(2) : ipv4(10, 0, 0, 2),
                                     .protocol = FTUN_PROTOCOL_TCP,
                                     .ttl = 60,
                                     .payload_len = 1400};
    outer = (struct ftun_ip_header){.source = v6 ? ipv6(9) : ipv4(10, 9, 9, 9),
                                    .destination = quoted.source,
                                    .protocol = v6 ? FTUN_PROTOCOL_ICMPV6 : FTUN_PROTOCOL_ICMP};
    memset(message, 0, sizeof message);
    message[0] = type;
    message[1] = code;
    if (v6)
        ftun_store_be32(message + 4, MTU);
    else
        ftun_store_be16(message + 6, MTU);
}

/* The quote and the checksum, as `quoted` is now. */
static enum ftun_refusal parse(void)
{
    uint8_t *tcp = message + FTUN_ICMP_HEADER;
    tcp += ftun_ip_emit(&quoted, tcp);
    ftun_store_be16(tcp, 1234);
    ftun_store_be16(tcp + 2, 4567);
    ftun_store_be32(tcp + 4, 99);
    message_len = (size_t)(tcp + 8 - message);
    ftun_store_be16(message + 2, 0);
    uint16_t sum = ftun_sum(message, message_len);
    if (outer.protocol == FTUN_PROTOCOL_ICMPV6)
        sum = ftun_sum_add(sum, ftun_sum_pseudo_header(&outer.source, &outer.destination,
                                                       FTUN_PROTOCOL_ICMPV6, message_len));
    ftun_store_be16(message + 2, (uint16_t)~sum);
    return ftun_icmp_parse(&outer, message, message_len, &error);
}

static void assert_names_the_segment(void)
{
    const struct ftun_tuple tuple = {at(quoted.source, 1234), at(quoted.destination, 4567)};
    assert_true(ftun_tuple_equal(&error.tuple, &tuple));
    assert_int_equal(error.sequence, 99);
}

static void each_kind_of_error_is_told_apart(void **state)
{
    (void)state;
    static const struct {
        enum ftun_family family;
        uint8_t type, code;
        enum ftun_icmp_kind kind;
        uint32_t mtu;
    } rows[] = {
        {FTUN_IPV4, 3, 4, FTUN_ICMP_TOO_BIG, MTU},
        {FTUN_IPV4, 3, 0, FTUN_ICMP_UNREACHABLE, 0},  /* network */
        {FTUN_IPV4, 3, 3, FTUN_ICMP_UNREACHABLE, 0},  /* port */
        {FTUN_IPV4, 3, 13, FTUN_ICMP_UNREACHABLE, 0}, /* prohibited */
        {FTUN_IPV6, 2, 0, FTUN_ICMP_TOO_BIG, MTU},
        {FTUN_IPV6, 1, 0, FTUN_ICMP_UNREACHABLE, 0},
        {FTUN_IPV6, 1, 4, FTUN_ICMP_UNREACHABLE, 0}, /* port */
    };
    for (size_t i = 0; i < LENGTH(rows); i++) {
        arrange(rows[i].family, rows[i].type, rows[i].code);
        assert_int_equal(parse(), FTUN_TAKEN);
        assert_int_equal(error.kind, rows[i].kind);
        assert_int_equal(error.type, rows[i].type);
        assert_int_equal(error.code, rows[i].code);
        assert_int_equal(error.mtu, rows[i].mtu);
        assert_names_the_segment();
    }
}

static void other_messages_are_unsupported(void **state)
{
    (void)state;
    static const uint8_t types_v4[] = {0, 4, 5, 8, 11, 12, 13},
                         types_v6[] = {0, 3, 4, 100, 128, 129, 135, 255};
    for (size_t i = 0; i < LENGTH(types_v4); i++) {
        arrange(FTUN_IPV4, types_v4[i], 4);
        assert_int_equal(parse(), FTUN_REFUSED_UNSUPPORTED_PROTOCOL);
    }
    for (size_t i = 0; i < LENGTH(types_v6); i++) {
        arrange(FTUN_IPV6, types_v6[i], 0);
        assert_int_equal(parse(), FTUN_REFUSED_UNSUPPORTED_PROTOCOL);
    }
}

static void a_quote_of_something_else_than_a_tcp_segment_is_unsupported(void **state)
{
    (void)state;
    arrange(FTUN_IPV4, 3, 4);
    quoted.protocol = FTUN_PROTOCOL_UDP;
    assert_int_equal(parse(), FTUN_REFUSED_UNSUPPORTED_PROTOCOL);
    arrange(FTUN_IPV6, 2, 0);
    quoted.protocol = FTUN_PROTOCOL_ICMPV6;
    assert_int_equal(parse(), FTUN_REFUSED_UNSUPPORTED_PROTOCOL);
}

/* A tail fragment holds no ports: what stands in their place must not be taken for them. */
static void F02_a_quoted_fragment_is_not_read_as_tcp(void **state)
{
    (void)state;
    arrange(FTUN_IPV4, 3, 4);
    assert_int_equal(parse(), FTUN_TAKEN);
    const uint16_t sum = (uint16_t)~ftun_load_be16(message + 2);
    message[FTUN_ICMP_HEADER + 7] = 1; /* offset 8 */
    ftun_store_be16(message + 2, (uint16_t)~ftun_sum_add(sum, 1));
    assert_int_equal(ftun_icmp_parse(&outer, message, message_len, &error),
                     FTUN_REFUSED_UNSUPPORTED_PROTOCOL);
}

static void a_wrong_checksum_is_malformed_whichever_bit_is(void **state)
{
    (void)state;
    const enum ftun_family families[] = {FTUN_IPV4, FTUN_IPV6};
    for (size_t i = 0; i < LENGTH(families); i++) {
        arrange(families[i], families[i] == FTUN_IPV6 ? 2 : 3, families[i] == FTUN_IPV6 ? 0 : 4);
        assert_int_equal(parse(), FTUN_TAKEN);
        for (size_t bit = 0; bit < 8 * message_len; bit++) {
            message[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_equal(ftun_icmp_parse(&outer, message, message_len, &error),
                             FTUN_REFUSED_MALFORMED_ICMP_CHECKSUM);
            message[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
}

/* RFC 4443 2.3: IPv6's covers the addresses too. */
static void an_icmpv6_error_for_another_address_is_malformed(void **state)
{
    (void)state;
    arrange(FTUN_IPV6, 2, 0);
    assert_int_equal(parse(), FTUN_TAKEN);
    outer.destination = ipv6(77);
    assert_int_equal(ftun_icmp_parse(&outer, message, message_len, &error),
                     FTUN_REFUSED_MALFORMED_ICMP_CHECKSUM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_error_is_told_apart),
        cmocka_unit_test(other_messages_are_unsupported),
        cmocka_unit_test(a_quote_of_something_else_than_a_tcp_segment_is_unsupported),
        cmocka_unit_test(F02_a_quoted_fragment_is_not_read_as_tcp),
        cmocka_unit_test(a_wrong_checksum_is_malformed_whichever_bit_is),
        cmocka_unit_test(an_icmpv6_error_for_another_address_is_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
