#include "tcp_options.h"
#include "unit.h"

static void the_options_of_a_linux_syn(void **state)
{
    (void)state;
    const uint8_t options[] = {2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 3, 3, 10};
    struct ftun_tcp_options o;
    assert_true(ftun_tcp_options_parse(options, sizeof options, &o));
    assert_true(o.has_mss && o.has_window_scale && o.sack_permitted && o.has_timestamps);
    assert_int_equal(o.mss, 1460);
    assert_int_equal(o.window_scale, 10);
    assert_int_equal(o.timestamp_value, 1);
    assert_int_equal(o.timestamp_echo, 2);
}

static void no_options_are_none(void **state)
{
    (void)state;
    struct ftun_tcp_options o;
    assert_true(ftun_tcp_options_parse(NULL, 0, &o));
    assert_false(o.has_mss || o.has_window_scale || o.sack_permitted || o.has_timestamps);
}

static void what_follows_the_end_of_the_list_is_ignored(void **state)
{
    (void)state;
    const uint8_t options[] = {1, 0, 2, 4, 0x05, 0xb4};
    struct ftun_tcp_options o;
    assert_true(ftun_tcp_options_parse(options, sizeof options, &o));
    assert_false(o.has_mss);
}

static void unknown_options_are_stepped_over(void **state)
{
    (void)state;
    const uint8_t options[] = {254, 5, 9, 9, 9, 2, 4, 0x02, 0x18};
    struct ftun_tcp_options o;
    assert_true(ftun_tcp_options_parse(options, sizeof options, &o));
    assert_int_equal(o.mss, 536);
}

static void an_option_may_end_with_the_header(void **state)
{
    (void)state;
    const uint8_t options[] = {1, 1, 4, 2};
    struct ftun_tcp_options o;
    assert_true(ftun_tcp_options_parse(options, sizeof options, &o));
    assert_true(o.sack_permitted);
}

static void a_window_scale_above_14_is_taken_as_14(void **state)
{
    (void)state;
    const uint8_t options[] = {3, 3, 255};
    struct ftun_tcp_options o;
    assert_true(ftun_tcp_options_parse(options, sizeof options, &o));
    assert_int_equal(o.window_scale, 14);
}

static void impossible_lengths_are_malformed(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[6];
        size_t len;
    } rows[] = {
        {{2}, 1},                /* no length */
        {{254}, 1},              /* no length */
        {{2, 0}, 2},             /* length 0 would never end */
        {{2, 1}, 2},             /* shorter than itself */
        {{2, 4, 5}, 3},          /* beyond the end */
        {{2, 3, 5}, 3},          /* MSS of 3 bytes */
        {{3, 4, 7, 7}, 4},       /* window scale of 4 bytes */
        {{4, 3, 0}, 3},          /* SACK permitted of 3 bytes */
        {{8, 6, 0, 0, 0, 0}, 6}, /* timestamps of 6 bytes */
        {{1, 1, 1, 255}, 4},
    };
    struct ftun_tcp_options o;
    for (size_t i = 0; i < LENGTH(rows); i++)
        assert_false(ftun_tcp_options_parse(rows[i].bytes, rows[i].len, &o));
}

static void options_are_appended_as_they_are_parsed(void **state)
{
    (void)state;
    const struct ftun_tcp_options values = {
        .mss = 1400, .window_scale = 7, .timestamp_value = 0x01020304, .timestamp_echo = 5};
    const uint8_t expected[] = {2, 4, 0x05, 0x78, 1, 3, 3, 7, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 5};
    const enum ftun_tcp_option_kind kinds[] = {
        FTUN_TCP_OPTION_MSS, FTUN_TCP_OPTION_NOP, FTUN_TCP_OPTION_WINDOW_SCALE,
        FTUN_TCP_OPTION_SACK_PERMITTED, FTUN_TCP_OPTION_TIMESTAMPS};
    uint8_t out[FTUN_TCP_OPTIONS_MAX];
    size_t len = 0;
    for (size_t i = 0; i < LENGTH(kinds); i++)
        len = ftun_tcp_option_append(out, len, kinds[i], &values);
    assert_int_equal(len, sizeof expected);
    assert_memory_equal(out, expected, sizeof expected);
}

static void an_option_without_room_is_left_out(void **state)
{
    (void)state;
    uint8_t out[FTUN_TCP_OPTIONS_MAX];
    const struct ftun_tcp_options values = {0};
    assert_int_equal(ftun_tcp_option_append(out, 31, FTUN_TCP_OPTION_TIMESTAMPS, &values), 31);
    assert_int_equal(ftun_tcp_option_append(out, 30, FTUN_TCP_OPTION_TIMESTAMPS, &values), 40);
    assert_int_equal(ftun_tcp_option_append(out, 0, FTUN_TCP_OPTION_SACK, &values), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_options_of_a_linux_syn),
        cmocka_unit_test(no_options_are_none),
        cmocka_unit_test(what_follows_the_end_of_the_list_is_ignored),
        cmocka_unit_test(unknown_options_are_stepped_over),
        cmocka_unit_test(an_option_may_end_with_the_header),
        cmocka_unit_test(a_window_scale_above_14_is_taken_as_14),
        cmocka_unit_test(impossible_lengths_are_malformed),
        cmocka_unit_test(options_are_appended_as_they_are_parsed),
        cmocka_unit_test(an_option_without_room_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
