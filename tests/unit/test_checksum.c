#include "checksum.h"
#include "unit.h"

static void the_example_of_rfc_1071(void **state)
{
    (void)state;
    const uint8_t data[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    assert_int_equal(ftun_sum(data, sizeof data), 0xddf2);
}

static void an_odd_last_byte_is_a_high_half(void **state)
{
    (void)state;
    const uint8_t data[] = {0x12, 0x34, 0x56};
    assert_int_equal(ftun_sum(data, 3), 0x1234 + 0x5600);
    assert_int_equal(ftun_sum(data, 1), 0x1200);
    assert_int_equal(ftun_sum(data, 0), 0);
}

static uint16_t sum_word_by_word(const uint8_t *data, size_t len)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < len; i++)
        sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static void any_length_at_any_alignment_equals_the_definition(void **state)
{
    (void)state;
    uint8_t data[4 + 300];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 167 + 13);
    for (size_t start = 0; start < 4; start++)
        for (size_t len = 0; len <= 300; len++)
            assert_int_equal(ftun_sum(data + start, len), sum_word_by_word(data + start, len));
}

static void all_ones_do_not_overflow(void **state)
{
    (void)state;
    static uint8_t data[65535];
    memset(data, 0xff, sizeof data);
    assert_int_equal(ftun_sum(data, 65534), 0xffff);
    assert_int_equal(ftun_sum(data, 65535), 0xff00);
}

static void pieces_of_any_length_join_to_the_sum_of_the_whole(void **state)
{
    (void)state;
    uint8_t data[64];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 29 + 7);
    const uint16_t whole = ftun_sum(data, sizeof data);
    for (size_t cut = 0; cut <= sizeof data; cut++)
        assert_int_equal(
            ftun_sum_concat(ftun_sum(data, cut), cut, ftun_sum(data + cut, sizeof data - cut)),
            whole);
}

static void pseudo_headers_of_both_families(void **state)
{
    (void)state;
    const struct ftun_address a = ipv4(192, 0, 2, 1), b = ipv4(192, 0, 2, 2);
    assert_int_equal(
        ftun_sum_pseudo_header(&a, &b, 6, 20),
        sum_word_by_word((const uint8_t[]){192, 0, 2, 1, 192, 0, 2, 2, 0, 6, 0, 20}, 12));
    const struct ftun_address c = ipv6(1), d = ipv6(2);
    uint8_t v6[40] = {0x20, 0x01, 0x0d,     0xb8,        [15] = 1, 0x20,    0x01,
                      0x0d, 0xb8, [31] = 2, [34] = 0x01, 0x00,     [39] = 6};
    assert_int_equal(ftun_sum_pseudo_header(&c, &d, 6, 256), sum_word_by_word(v6, sizeof v6));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_rfc_1071),
        cmocka_unit_test(an_odd_last_byte_is_a_high_half),
        cmocka_unit_test(any_length_at_any_alignment_equals_the_definition),
        cmocka_unit_test(all_ones_do_not_overflow),
        cmocka_unit_test(pieces_of_any_length_join_to_the_sum_of_the_whole),
        cmocka_unit_test(pseudo_headers_of_both_families),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
