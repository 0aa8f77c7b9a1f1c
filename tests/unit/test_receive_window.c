#include "receive_window.h"
#include "unit.h"

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
            ftun_receive_window_open(rows[i].first, rows[i].scale);
        assert_int_equal(ftun_receive_window_field(&window), rows[i].field);
        assert_true(ftun_receive_window_valid(&window));
    }
}

static void it_grows_by_many_bytes_for_each_received(void **state)
{
    (void)state;
    struct ftun_receive_window window = ftun_receive_window_open(64240, 10);
    ftun_receive_window_moved(&window, 32000);
    assert_int_equal(window.size, 563 * 1024); /* 64240 + 16 * 32000, rounded up */
    for (unsigned i = 0; i < 100; i++)
        ftun_receive_window_moved(&window, 640);
    assert_int_equal(window.size, 1563 * 1024); /* 1600240: nothing is rounded twice */
    ftun_receive_window_moved(&window, FTUN_WINDOW_GROWS_FROM - 1);
    assert_int_equal(window.size, 1563 * 1024);
}

static void it_never_shrinks(void **state)
{
    (void)state;
    struct ftun_receive_window window = ftun_receive_window_open(64240, 10);
    ftun_receive_window_moved(&window, 10000000);
    const uint32_t size = window.size;
    ftun_receive_window_moved(&window, 0);
    assert_int_equal(window.size, size);
}

static void it_ends_at_what_the_scale_can_express_and_at_its_maximum(void **state)
{
    (void)state;
    struct ftun_receive_window usual = ftun_receive_window_open(64240, 7);
    struct ftun_receive_window large = ftun_receive_window_open(64240, 14);
    struct ftun_receive_window fixed = ftun_receive_window_open(UINT32_MAX, 14);
    for (unsigned i = 0; i < 10000; i++) {
        ftun_receive_window_moved(&usual, 65535);
        ftun_receive_window_moved(&large, 65535);
        ftun_receive_window_moved(&fixed, 65535);
        assert_true(ftun_receive_window_valid(&usual) && ftun_receive_window_valid(&large));
    }
    assert_int_equal(ftun_receive_window_field(&usual), 65535);
    assert_int_equal(large.size, FTUN_WINDOW_MAX);
    assert_int_equal(ftun_receive_window_field(&fixed), 65535);
}

static void a_jump_as_far_as_there_can_be_one_does_not_wrap(void **state)
{
    (void)state;
    struct ftun_receive_window window = ftun_receive_window_open(64240, 14);
    ftun_receive_window_moved(&window, INT32_MAX);
    ftun_receive_window_moved(&window, INT32_MAX);
    assert_int_equal(window.size, FTUN_WINDOW_MAX);
}

static void what_contradicts_itself_is_not_valid(void **state)
{
    (void)state;
    const struct ftun_receive_window good = ftun_receive_window_open(64240, 10);
    struct ftun_receive_window bad = good;
    bad.scale = FTUN_WINDOW_SCALE_MAX + 1;
    assert_false(ftun_receive_window_valid(&bad));
    bad = good;
    bad.size++;
    assert_false(ftun_receive_window_valid(&bad));
    bad = good;
    bad.size = UINT32_C(65536) << 10;
    assert_false(ftun_receive_window_valid(&bad));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_begins_at_what_the_scale_can_express_of_the_syns_window),
        cmocka_unit_test(it_grows_by_many_bytes_for_each_received),
        cmocka_unit_test(it_never_shrinks),
        cmocka_unit_test(it_ends_at_what_the_scale_can_express_and_at_its_maximum),
        cmocka_unit_test(a_jump_as_far_as_there_can_be_one_does_not_wrap),
        cmocka_unit_test(what_contradicts_itself_is_not_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
