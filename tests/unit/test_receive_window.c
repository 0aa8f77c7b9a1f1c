#include "receive_window.h"
#include "unit.h"

static const uint64_t start = 100 * FTUN_SECOND;

static void it_begins_at_what_the_scale_can_express_of_the_syns_window(void **state)
{
    (void)state;
    static const struct {
        uint32_t first;
        uint8_t scale;
        uint16_t field; /* those of Linux with these scales */
    } rows[] = {{64240, 7, 502},   {64240, 10, 63},   {64800, 10, 64},         {65160, 7, 510},
                {64240, 0, 64240}, {70000, 0, 65535}, {UINT32_MAX, 14, 65535}, {1, 14, 1}};
    for (size_t i = 0; i < LENGTH(rows); i++) {
        const struct ftun_receive_window window =
            ftun_receive_window_open(start, rows[i].first, rows[i].scale);
        assert_int_equal(ftun_receive_window_field(&window), rows[i].field);
        assert_true(ftun_receive_window_valid(&window));
    }
}

static void it_grows_by_two_bytes_for_each_received(void **state)
{
    (void)state;
    struct ftun_receive_window window = ftun_receive_window_open(start, 64240, 10);
    ftun_receive_window_moved(&window, start + 1, 32000);
    assert_int_equal(window.size, 63 * 1024);
    ftun_receive_window_moved(&window, start + 2, 32000);
    assert_int_equal(window.size, 125 * 1024); /* 128,000 rounded up */
    ftun_receive_window_moved(&window, start + 3, 64000);
    assert_int_equal(window.size, 250 * 1024);
}

static void it_allows_for_twice_what_comes_in_a_second_however_long_it_lasts(void **state)
{
    (void)state;
    struct ftun_receive_window window = ftun_receive_window_open(start, 64240, 10);
    for (uint64_t ms = 1; ms <= 60000; ms++)
        ftun_receive_window_moved(&window, start + ms * FTUN_MILLISECOND, 1024);
    assert_in_range(window.size, 2 * 999 * 1024, 2 * 1001 * 1024);
}

static void little_data_leave_it_as_it_is(void **state)
{
    (void)state;
    struct ftun_receive_window window = ftun_receive_window_open(start, 64240, 10);
    for (uint64_t second = 1; second <= 10000; second++)
        ftun_receive_window_moved(&window, start + second * FTUN_SECOND, 30000);
    assert_int_equal(window.size, 63 * 1024);
}

static void it_never_shrinks(void **state)
{
    (void)state;
    struct ftun_receive_window window = ftun_receive_window_open(start, 64240, 10);
    ftun_receive_window_moved(&window, start, 10000000);
    const uint32_t size = window.size;
    ftun_receive_window_moved(&window, start + 1000 * FTUN_SECOND, 1);
    assert_int_equal(window.size, size);
}

static void it_ends_at_what_the_scale_can_express_and_at_its_maximum(void **state)
{
    (void)state;
    struct ftun_receive_window usual = ftun_receive_window_open(start, 64240, 7);
    struct ftun_receive_window large = ftun_receive_window_open(start, 64240, 14);
    struct ftun_receive_window fixed = ftun_receive_window_open(start, UINT32_MAX, 14);
    for (unsigned i = 0; i < 10000; i++) {
        ftun_receive_window_moved(&usual, start, 65535);
        ftun_receive_window_moved(&large, start, 65535);
        ftun_receive_window_moved(&fixed, start, 65535);
        assert_true(ftun_receive_window_valid(&usual) && ftun_receive_window_valid(&large));
    }
    assert_int_equal(ftun_receive_window_field(&usual), 65535);
    assert_int_equal(large.size, FTUN_WINDOW_MAX);
    assert_int_equal(ftun_receive_window_field(&fixed), 65535);
}

static void a_jump_as_far_as_there_can_be_one_does_not_wrap(void **state)
{
    (void)state;
    struct ftun_receive_window window = ftun_receive_window_open(start, 64240, 14);
    ftun_receive_window_moved(&window, start, INT32_MAX);
    ftun_receive_window_moved(&window, start, INT32_MAX);
    assert_int_equal(window.size, FTUN_WINDOW_MAX);
}

static void what_contradicts_itself_is_not_valid(void **state)
{
    (void)state;
    const struct ftun_receive_window good = ftun_receive_window_open(start, 64240, 10);
    struct ftun_receive_window bad = good;
    bad.scale = FTUN_WINDOW_SCALE_MAX + 1;
    assert_false(ftun_receive_window_valid(&bad));
    bad = good;
    bad.size++;
    assert_false(ftun_receive_window_valid(&bad));
    bad = good;
    bad.size = UINT32_C(65536) << 10;
    assert_false(ftun_receive_window_valid(&bad));
    bad = good;
    bad.round_bytes = FTUN_WINDOW_MAX;
    assert_false(ftun_receive_window_valid(&bad));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_begins_at_what_the_scale_can_express_of_the_syns_window),
        cmocka_unit_test(it_grows_by_two_bytes_for_each_received),
        cmocka_unit_test(it_allows_for_twice_what_comes_in_a_second_however_long_it_lasts),
        cmocka_unit_test(little_data_leave_it_as_it_is),
        cmocka_unit_test(it_never_shrinks),
        cmocka_unit_test(it_ends_at_what_the_scale_can_express_and_at_its_maximum),
        cmocka_unit_test(a_jump_as_far_as_there_can_be_one_does_not_wrap),
        cmocka_unit_test(what_contradicts_itself_is_not_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
