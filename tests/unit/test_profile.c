#include "profile.h"
#include "unit.h"

static uint8_t out[FTUN_TCP_OPTIONS_MAX];

static const struct ftun_tcp_options values = {
    .mss = 1460, .timestamp_value = 0x01020304, .timestamp_echo = 0x05060708};

static void a_syn_has_what_its_profile_has(void **state)
{
    (void)state;
    struct ftun_profile with_timestamps = ftun_profile_linux;
    with_timestamps.timestamps = true;
    const struct {
        const struct ftun_profile *profile;
        uint8_t options[20];
        size_t len;
    } rows[] = {
        {&ftun_profile_linux, {2, 4, 5, 180, 1, 1, 4, 2, 1, 3, 3, 10}, 12},
        {&with_timestamps, {2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 10}, 20},
        {&ftun_profile_phantun, {1, 3, 3, 14}, 4},
    };
    for (size_t i = 0; i < LENGTH(rows); i++) {
        const size_t len = ftun_profile_syn_options(rows[i].profile, &values, NULL, out);
        assert_int_equal(len, rows[i].len);
        assert_memory_equal(out, rows[i].options, len);
    }
}

static void a_syn_ack_holds_what_was_offered(void **state)
{
    (void)state;
    static const struct {
        struct ftun_tcp_options offered;
        uint8_t options[20];
        size_t len;
    } rows[] = {
        {{.has_mss = true, .sack_permitted = true, .has_window_scale = true},
         {2, 4, 5, 180, 1, 1, 4, 2, 1, 3, 3, 10},
         12},
        {{.has_mss = true, .has_window_scale = true}, {2, 4, 5, 180, 1, 3, 3, 10}, 8},
        {{.has_mss = true, .sack_permitted = true}, {2, 4, 5, 180, 1, 1, 4, 2}, 8},
        {{.has_mss = true, .sack_permitted = true, .has_timestamps = true},
         {2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8},
         16},
        {{.has_mss = true, .has_timestamps = true, .has_window_scale = true},
         {2, 4, 5, 180, 1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 10},
         20},
        {{.has_mss = true}, {2, 4, 5, 180}, 4},
        {{0}, {2, 4, 5, 180}, 4},
    };
    for (size_t i = 0; i < LENGTH(rows); i++) {
        const size_t len =
            ftun_profile_syn_options(&ftun_profile_linux, &values, &rows[i].offered, out);
        assert_int_equal(len, rows[i].len);
        assert_memory_equal(out, rows[i].options, len);
    }
}

/* Seen on the wire: an Ethernet's segments without and with timestamps, jumbo frames. */
static void the_first_window_is_a_multiple_of_full_segments(void **state)
{
    (void)state;
    static const struct {
        uint32_t receive_space;
        uint16_t payload;
        uint32_t window;
    } rows[] = {{65536, 1460, 64240}, {65536, 1440, 64800},  {65536, 1448, 65160},
                {65536, 1428, 64260}, {65536, 8960, 62720},  {43690, 1460, 42340},
                {1000, 1460, 1000},   {131072, 1460, 129940}};
    struct ftun_profile profile = ftun_profile_linux;
    for (size_t i = 0; i < LENGTH(rows); i++) {
        profile.receive_space = rows[i].receive_space;
        assert_int_equal(ftun_profile_first_window(&profile, rows[i].payload), rows[i].window);
    }
    assert_int_equal(ftun_profile_syn_window(&profile, 1460), 65535);
    assert_int_equal(ftun_profile_syn_window(&ftun_profile_linux, 1460), 64240);
    assert_int_equal(ftun_profile_syn_window(&ftun_profile_phantun, 1460), 65535);
}

static void a_host_has_its_own_space_and_scale(void **state)
{
    (void)state;
    const struct ftun_host host = {.receive_space = 43690, .window_scale = 7, .timestamps = true};
    const struct ftun_host unknown = {0};
    struct ftun_profile here = ftun_profile_on_host(&ftun_profile_linux, &host);
    assert_int_equal(here.receive_space, 43690);
    assert_int_equal(here.window_scale, 7);
    assert_true(here.timestamps);
    here = ftun_profile_on_host(&here, &unknown);
    assert_true(here.timestamps);
    here = ftun_profile_on_host(&ftun_profile_linux, &unknown);
    assert_memory_equal(&here, &ftun_profile_linux, sizeof here);
    here = ftun_profile_on_host(&ftun_profile_phantun, &host);
    assert_int_equal(here.window_scale, 14);
    assert_false(ftun_profile_knows_timestamps(&here));
    assert_true(ftun_profile_knows_timestamps(&ftun_profile_linux));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_syn_has_what_its_profile_has),
        cmocka_unit_test(a_syn_ack_holds_what_was_offered),
        cmocka_unit_test(the_first_window_is_a_multiple_of_full_segments),
        cmocka_unit_test(a_host_has_its_own_space_and_scale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
