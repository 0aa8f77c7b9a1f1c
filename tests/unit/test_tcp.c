#include "tcp.h"
#include "unit.h"

/* 20 bytes and no options, ACK and PSH. */
static const uint8_t plain[] = {0x12, 0x34, 0x11, 0xd7, 1,    2,    3,    4,    5, 6,
                                7,    8,    0x50, 0x18, 0xfa, 0xf0, 0xbe, 0xef, 0, 0};

static void each_field_is_read_from_its_place(void **state)
{
    (void)state;
    struct ftun_tcp_header tcp;
    assert_int_equal(ftun_tcp_parse(plain, sizeof plain, &tcp), FTUN_TAKEN);
    assert_int_equal(tcp.source_port, 0x1234);
    assert_int_equal(tcp.destination_port, 4567);
    assert_int_equal(tcp.sequence, 0x01020304);
    assert_int_equal(tcp.acknowledgment, 0x05060708);
    assert_int_equal(tcp.flags, FTUN_ACK | FTUN_PSH);
    assert_int_equal(tcp.window, 64240);
    assert_int_equal(tcp.checksum, 0xbeef);
    assert_int_equal(tcp.options_len, 0);
}

static void each_field_is_written_to_its_place(void **state)
{
    (void)state;
    struct ftun_tcp_header tcp;
    uint8_t out[sizeof plain];
    memset(out, 0xff, sizeof out);
    ftun_tcp_parse(plain, sizeof plain, &tcp);
    assert_int_equal(ftun_tcp_emit(&tcp, out), sizeof plain);
    assert_memory_equal(out, plain, sizeof plain);
}

static void any_data_offset_is_read_with_its_options(void **state)
{
    (void)state;
    uint8_t segment[FTUN_TCP_HEADER_MAX];
    for (size_t len = FTUN_TCP_HEADER_MIN; len <= FTUN_TCP_HEADER_MAX; len += 4) {
        struct ftun_tcp_header tcp;
        uint8_t out[FTUN_TCP_HEADER_MAX];
        memcpy(segment, plain, sizeof plain);
        memset(segment + 20, 1, sizeof segment - 20); /* NOPs */
        segment[12] = (uint8_t)(len / 4 << 4);
        assert_int_equal(ftun_tcp_parse(segment, len, &tcp), FTUN_TAKEN);
        assert_int_equal(tcp.options_len, len - 20);
        assert_int_equal(ftun_tcp_header_len(&tcp), len);
        assert_int_equal(ftun_tcp_emit(&tcp, out), len);
        assert_memory_equal(out, segment, len);
        assert_int_equal(ftun_tcp_parse(segment, len - 1, &tcp), FTUN_REFUSED_TRUNCATED_TCP);
    }
}

static void F02_a_segment_of_less_than_20_bytes_is_truncated(void **state)
{
    (void)state;
    struct ftun_tcp_header tcp;
    for (size_t len = 0; len < FTUN_TCP_HEADER_MIN; len++)
        assert_int_equal(ftun_tcp_parse(plain, len, &tcp), FTUN_REFUSED_TRUNCATED_TCP);
}

static void a_data_offset_inside_the_header_is_malformed(void **state)
{
    (void)state;
    uint8_t segment[sizeof plain];
    struct ftun_tcp_header tcp;
    memcpy(segment, plain, sizeof plain);
    for (uint8_t words = 0; words < 5; words++) {
        segment[12] = (uint8_t)(words << 4);
        assert_int_equal(ftun_tcp_parse(segment, sizeof segment, &tcp),
                         FTUN_REFUSED_MALFORMED_TCP_HEADER);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_field_is_read_from_its_place),
        cmocka_unit_test(each_field_is_written_to_its_place),
        cmocka_unit_test(any_data_offset_is_read_with_its_options),
        cmocka_unit_test(F02_a_segment_of_less_than_20_bytes_is_truncated),
        cmocka_unit_test(a_data_offset_inside_the_header_is_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
