#include "bytes.h"
#include "ip.h"
#include "unit.h"

/* 20 bytes of header, 4 of payload. */
static const uint8_t ipv4_packet[24] = {0x45, 0x10, 0, 24, 0x12, 0x34, 0x40, 0, 64, 6, 0, 0,
                                        192,  0,    2, 1,  198,  51,   100,  7, 1,  2, 3, 4};

/* 40 bytes of header, 4 of payload. */
static const uint8_t ipv6_packet[44] = {0x60, 0x10,     0,    0,    0,        4,    6,    64,
                                        0x20, 0x01,     0x0d, 0xb8, [23] = 1, 0x20, 0x01, 0x0d,
                                        0xb8, [39] = 2, 1,    2,    3,        4};

/* From a block of exactly its size, so that a sanitizer sees a read beyond it. */
static enum ftun_refusal parse(const uint8_t *packet, size_t len)
{
    struct ftun_ip_header header;
    uint8_t *exact = test_malloc(len);
    memcpy(exact, packet, len);
    const enum ftun_refusal refusal = ftun_ip_parse(exact, len, &header);
    test_free(exact);
    return refusal;
}

static void ipv4_fields_are_read(void **state)
{
    (void)state;
    struct ftun_ip_header h;
    assert_int_equal(ftun_ip_parse(ipv4_packet, sizeof ipv4_packet, &h), FTUN_TAKEN);
    const struct ftun_address source = ipv4(192, 0, 2, 1), destination = ipv4(198, 51, 100, 7);
    assert_true(ftun_address_equal(&h.source, &source));
    assert_true(ftun_address_equal(&h.destination, &destination));
    assert_int_equal(h.protocol, 6);
    assert_int_equal(h.ttl, 64);
    assert_int_equal(h.traffic_class, 0x10);
    assert_int_equal(h.id, 0x1234);
    assert_true(h.dont_fragment);
    assert_false(h.fragment);
    assert_int_equal(h.header_len, 20);
    assert_int_equal(h.payload_len, 4);
}

static void ipv6_fields_are_read(void **state)
{
    (void)state;
    struct ftun_ip_header h;
    assert_int_equal(ftun_ip_parse(ipv6_packet, sizeof ipv6_packet, &h), FTUN_TAKEN);
    const struct ftun_address source = ipv6(1), destination = ipv6(2);
    assert_true(ftun_address_equal(&h.source, &source));
    assert_true(ftun_address_equal(&h.destination, &destination));
    assert_int_equal(h.protocol, 6);
    assert_int_equal(h.ttl, 64);
    assert_int_equal(h.traffic_class, 1);
    assert_int_equal(h.header_len, 40);
    assert_int_equal(h.payload_len, 4);
}

static void a_packet_cut_at_any_length_is_truncated(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof ipv4_packet; len++)
        assert_int_equal(parse(ipv4_packet, len), FTUN_REFUSED_TRUNCATED_IP);
    for (size_t len = 0; len < sizeof ipv6_packet; len++)
        assert_int_equal(parse(ipv6_packet, len), FTUN_REFUSED_TRUNCATED_IP);
}

static void padding_behind_the_packet_is_ignored(void **state)
{
    (void)state;
    uint8_t padded[60] = {0};
    memcpy(padded, ipv4_packet, sizeof ipv4_packet);
    struct ftun_ip_header h;
    assert_int_equal(ftun_ip_parse(padded, sizeof padded, &h), FTUN_TAKEN);
    assert_int_equal(h.payload_len, 4);
}

static void impossible_ipv4_headers_are_malformed(void **state)
{
    (void)state;
    uint8_t packet[24];
    memcpy(packet, ipv4_packet, sizeof packet);
    packet[0] = 0x44; /* 16 bytes of header */
    assert_int_equal(parse(packet, sizeof packet), FTUN_REFUSED_MALFORMED_IP_HEADER);
    packet[0] = 0x46; /* 24 bytes of header in a packet said to be ... */
    packet[3] = 20;   /* ... 20 bytes long */
    assert_int_equal(parse(packet, sizeof packet), FTUN_REFUSED_MALFORMED_IP_HEADER);
    packet[0] = 0x4f; /* 60 bytes of header, 24 are there */
    assert_int_equal(parse(packet, sizeof packet), FTUN_REFUSED_TRUNCATED_IP);
    packet[0] = 0x55;
    assert_int_equal(parse(packet, sizeof packet), FTUN_REFUSED_MALFORMED_IP_VERSION);
}

static void ipv4_options_are_skipped(void **state)
{
    (void)state;
    uint8_t packet[64 + 4] = {0};
    memcpy(packet, ipv4_packet, 20);
    packet[0] = 0x4f;
    ftun_store_be16(packet + 2, 64);
    struct ftun_ip_header h;
    assert_int_equal(ftun_ip_parse(packet, 64, &h), FTUN_TAKEN);
    assert_int_equal(h.header_len, 60);
    assert_int_equal(h.payload_len, 4);
}

static void ipv4_fragments_are_told_apart(void **state)
{
    (void)state;
    uint8_t packet[24];
    struct ftun_ip_header h;
    memcpy(packet, ipv4_packet, sizeof packet);
    packet[6] = 0x20; /* more fragments */
    assert_int_equal(ftun_ip_parse(packet, sizeof packet, &h), FTUN_TAKEN);
    assert_true(h.fragment);
    assert_true(h.more_fragments);
    assert_int_equal(h.fragment_offset, 0);
    packet[6] = 0x1f;
    packet[7] = 0xfe;
    assert_int_equal(ftun_ip_parse(packet, sizeof packet, &h), FTUN_TAKEN);
    assert_true(h.fragment);
    assert_false(h.more_fragments);
    assert_int_equal(h.fragment_offset, 0x1ffe * 8);
}

/* The IPv6 header, `count` destination options headers of 8 bytes, 4 bytes of payload. */
static size_t with_extensions(uint8_t *packet, size_t count)
{
    memcpy(packet, ipv6_packet, 40);
    ftun_store_be16(packet + 4, (uint16_t)(8 * count + 4));
    packet[6] = count > 0 ? 60 : 6;
    for (size_t i = 0; i < count; i++) {
        uint8_t *extension = packet + 40 + 8 * i;
        memset(extension, 0, 8);
        extension[0] = i + 1 < count ? 60 : 6;
    }
    memset(packet + 40 + 8 * count, 1, 4);
    return 40 + 8 * count + 4;
}

static void ipv6_extension_headers_are_skipped_up_to_a_bound(void **state)
{
    (void)state;
    uint8_t packet[200];
    struct ftun_ip_header h;
    for (size_t count = 0; count <= FTUN_IPV6_EXTENSIONS_MAX; count++) {
        const size_t len = with_extensions(packet, count);
        assert_int_equal(ftun_ip_parse(packet, len, &h), FTUN_TAKEN);
        assert_int_equal(h.protocol, 6);
        assert_int_equal(h.header_len, 40 + 8 * count);
        assert_int_equal(h.payload_len, 4);
    }
    const size_t len = with_extensions(packet, FTUN_IPV6_EXTENSIONS_MAX + 1);
    assert_int_equal(parse(packet, len), FTUN_REFUSED_UNSUPPORTED_EXTENSION);
}

static void ipv6_extension_headers_cut_or_too_long_are_truncated(void **state)
{
    (void)state;
    uint8_t packet[200];
    const size_t len = with_extensions(packet, 2);
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(parse(packet, cut), FTUN_REFUSED_TRUNCATED_IP);
    packet[40 + 1] = 255; /* 2048 bytes of options */
    assert_int_equal(parse(packet, len), FTUN_REFUSED_TRUNCATED_IP);
}

/* RFC 8200 4, 4.2, 4.4; RFC 5095 3 */
static void ipv6_extension_headers_that_ask_for_more_are_unsupported(void **state)
{
    (void)state;
    static const struct {
        uint8_t kind;
        uint8_t header[8];
        enum ftun_refusal refusal;
    } cases[] = {
        {0, {6, 0, 1, 4, 0, 0, 0, 0}, FTUN_TAKEN},     /* PadN */
        {60, {6, 0, 1, 2, 0, 0, 1, 0}, FTUN_TAKEN},    /* the last one without data */
        {60, {6, 0, 0x1e, 4, 1, 2, 3, 4}, FTUN_TAKEN}, /* skip */
        {43, {6, 0, 0, 0, 1, 2, 3, 4}, FTUN_TAKEN},    /* at its end */
        {60, {0, 0, 0, 0, 0, 0, 0, 0}, FTUN_REFUSED_UNSUPPORTED_EXTENSION},    /* hop-by-hop */
        {43, {6, 0, 0, 1, 0, 0, 0, 0}, FTUN_REFUSED_UNSUPPORTED_EXTENSION},    /* on its way */
        {60, {6, 0, 0x40, 4, 0, 0, 0, 0}, FTUN_REFUSED_UNSUPPORTED_EXTENSION}, /* discard */
        {0, {6, 0, 0x80, 4, 0, 0, 0, 0}, FTUN_REFUSED_UNSUPPORTED_EXTENSION},  /* and tell */
        {60, {6, 0, 1, 5, 0, 0, 0, 0}, FTUN_REFUSED_UNSUPPORTED_EXTENSION},    /* too long */
        {60, {6, 0, 1, 3, 0, 0, 0, 0x1e}, FTUN_REFUSED_UNSUPPORTED_EXTENSION}, /* no length */
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        uint8_t packet[200];
        const size_t len = with_extensions(packet, 2);
        packet[6] = cases[i].kind;
        memcpy(packet + 40, cases[i].header, sizeof cases[i].header);
        packet[40] = cases[i].header[0] == 0 ? 0 : 60;
        assert_int_equal(parse(packet, len), cases[i].refusal);
    }
}

static void an_ipv6_packet_shorter_than_its_extensions_is_refused(void **state)
{
    (void)state;
    uint8_t packet[200];
    const size_t len = with_extensions(packet, 2);
    ftun_store_be16(packet + 4, 8); /* the second header lies outside */
    assert_int_equal(parse(packet, len), FTUN_REFUSED_TRUNCATED_IP);
}

static size_t with_fragment_header(uint8_t *packet, uint16_t offset_and_more)
{
    const size_t len = with_extensions(packet, 1);
    packet[6] = 44;
    ftun_store_be16(packet + 42, offset_and_more);
    ftun_store_be32(packet + 44, 0x12345678);
    return len;
}

static void an_atomic_fragment_is_a_whole_packet(void **state)
{
    (void)state;
    uint8_t packet[200];
    struct ftun_ip_header h;
    size_t len = with_fragment_header(packet, 0);
    assert_int_equal(ftun_ip_parse(packet, len, &h), FTUN_TAKEN);
    assert_false(h.fragment);
    assert_int_equal(h.protocol, 6);
    len = with_fragment_header(packet, 1); /* more fragments */
    assert_int_equal(ftun_ip_parse(packet, len, &h), FTUN_TAKEN);
    assert_true(h.fragment);
    assert_true(h.more_fragments);
    assert_int_equal(h.id, 0x12345678);
    len = with_fragment_header(packet, 0xfff8);
    assert_int_equal(ftun_ip_parse(packet, len, &h), FTUN_TAKEN);
    assert_true(h.fragment);
    assert_false(h.more_fragments);
    assert_int_equal(h.fragment_offset, 0xfff8);
    assert_int_equal(h.header_len, 48);
    assert_int_equal(h.payload_len, 4);
}

static void a_quoted_packet_may_be_cut_behind_its_header(void **state)
{
    (void)state;
    uint8_t packet[24];
    struct ftun_ip_header h;
    memcpy(packet, ipv4_packet, sizeof packet);
    ftun_store_be16(packet + 2, 1500);
    assert_int_equal(ftun_ip_parse_quoted(packet, sizeof packet, &h), FTUN_TAKEN);
    assert_int_equal(h.payload_len, 4);
    assert_int_equal(ftun_ip_parse_quoted(packet, 19, &h), FTUN_REFUSED_TRUNCATED_IP);
}

static void what_is_emitted_parses_to_the_same(void **state)
{
    (void)state;
    const struct ftun_ip_header headers[] = {
        {.source = ipv4(10, 0, 0, 1),
         .destination = ipv4(10, 0, 0, 2),
         .protocol = 6,
         .ttl = 65,
         .traffic_class = 3,
         .id = 777,
         .dont_fragment = true,
         .payload_len = 100},
        {.source = ipv6(7),
         .destination = ipv6(8),
         .protocol = 6,
         .ttl = 1,
         .traffic_class = 0xff,
         .dont_fragment = true,
         .payload_len = 100},
    };
    for (size_t i = 0; i < LENGTH(headers); i++) {
        uint8_t packet[200] = {0};
        struct ftun_ip_header h;
        const size_t header_len = ftun_ip_emit(&headers[i], packet);
        assert_int_equal(header_len,
                         ftun_ip_header_len((enum ftun_family)headers[i].source.family));
        assert_int_equal(ftun_ip_parse(packet, header_len + 100, &h), FTUN_TAKEN);
        assert_true(ftun_address_equal(&h.source, &headers[i].source));
        assert_true(ftun_address_equal(&h.destination, &headers[i].destination));
        assert_int_equal(h.protocol, headers[i].protocol);
        assert_int_equal(h.ttl, headers[i].ttl);
        assert_int_equal(h.traffic_class, headers[i].traffic_class);
        assert_int_equal(h.id, headers[i].id);
        assert_int_equal(h.dont_fragment, headers[i].dont_fragment);
        assert_int_equal(h.payload_len, 100);
    }
}

static void an_emitted_ipv4_header_has_the_right_checksum(void **state)
{
    (void)state;
    const struct ftun_ip_header header = {.source = ipv4(10, 0, 0, 1),
                                          .destination = ipv4(10, 0, 0, 2),
                                          .protocol = 6,
                                          .ttl = 64,
                                          .payload_len = 1000};
    uint8_t packet[20];
    ftun_ip_emit(&header, packet);
    assert_int_equal(ftun_ipv4_header_sum(packet, 20), 0xffff);
}

static void a_packet_may_end_with_its_headers(void **state)
{
    (void)state;
    uint8_t packet[200];
    struct ftun_ip_header h;
    for (size_t count = 0; count <= 2; count++) {
        const size_t len = with_extensions(packet, count) - 4;
        ftun_store_be16(packet + 4, (uint16_t)(8 * count));
        assert_int_equal(parse(packet, len), FTUN_TAKEN);
        assert_int_equal(ftun_ip_parse(packet, len, &h), FTUN_TAKEN);
        assert_int_equal(h.payload_len, 0);
    }
}

static void ipv6_extension_headers_of_each_kind_are_skipped(void **state)
{
    (void)state;
    static const uint8_t kinds[] = {0, 43, 60}; /* hop-by-hop, routing at its end, destination */
    for (size_t i = 0; i < LENGTH(kinds); i++) {
        uint8_t packet[200];
        struct ftun_ip_header h;
        const size_t len = with_extensions(packet, 1);
        packet[6] = kinds[i];
        assert_int_equal(ftun_ip_parse(packet, len, &h), FTUN_TAKEN);
        assert_int_equal(h.protocol, 6);
        assert_int_equal(h.header_len, 48);
    }
}

/* RFC 8200 4.5: where other headers have their length, this one has a reserved byte. */
static void a_fragment_header_is_eight_bytes_whatever_it_says(void **state)
{
    (void)state;
    uint8_t packet[200];
    struct ftun_ip_header h;
    const size_t len = with_fragment_header(packet, 8);
    packet[41] = 255;
    assert_int_equal(ftun_ip_parse(packet, len, &h), FTUN_TAKEN);
    assert_int_equal(h.header_len, 48);
    assert_int_equal(h.payload_len, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipv4_fields_are_read),
        cmocka_unit_test(ipv6_fields_are_read),
        cmocka_unit_test(a_packet_cut_at_any_length_is_truncated),
        cmocka_unit_test(padding_behind_the_packet_is_ignored),
        cmocka_unit_test(impossible_ipv4_headers_are_malformed),
        cmocka_unit_test(ipv4_options_are_skipped),
        cmocka_unit_test(ipv4_fragments_are_told_apart),
        cmocka_unit_test(ipv6_extension_headers_are_skipped_up_to_a_bound),
        cmocka_unit_test(ipv6_extension_headers_cut_or_too_long_are_truncated),
        cmocka_unit_test(ipv6_extension_headers_that_ask_for_more_are_unsupported),
        cmocka_unit_test(an_ipv6_packet_shorter_than_its_extensions_is_refused),
        cmocka_unit_test(an_atomic_fragment_is_a_whole_packet),
        cmocka_unit_test(a_quoted_packet_may_be_cut_behind_its_header),
        cmocka_unit_test(what_is_emitted_parses_to_the_same),
        cmocka_unit_test(an_emitted_ipv4_header_has_the_right_checksum),
        cmocka_unit_test(a_packet_may_end_with_its_headers),
        cmocka_unit_test(ipv6_extension_headers_of_each_kind_are_skipped),
        cmocka_unit_test(a_fragment_header_is_eight_bytes_whatever_it_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
