#include "profile.h"
#include "unit.h"

static uint8_t out[FTUN_TCP_OPTIONS_MAX];

static void a_syn_ack_holds_what_was_offered(void **state)
{
    (void)state;
    static const struct {
        struct ftun_tcp_options offered;
        uint8_t options[12];
        size_t len;
    } rows[] = {
        {{.has_mss = true, .sack_permitted = true, .has_window_scale = true},
         {2, 4, 5, 180, 1, 1, 4, 2, 1, 3, 3, 10},
         12},
        {{.has_mss = true, .has_window_scale = true}, {2, 4, 5, 180, 1, 3, 3, 10}, 8},
        {{.has_mss = true, .sack_permitted = true}, {2, 4, 5, 180, 1, 1, 4, 2}, 8},
        {{.has_mss = true}, {2, 4, 5, 180}, 4},
        {{0}, {2, 4, 5, 180}, 4},
    };
    for (size_t i = 0; i < LENGTH(rows); i++) {
        const size_t len =
            ftun_profile_syn_options(&ftun_profile_linux, 1460, &rows[i].offered, out);
        assert_int_equal(len, rows[i].len);
        assert_memory_equal(out, rows[i].options, len);
    }
}

static void the_window_of_the_linux_profile_is_the_one_that_is_checked(void **state)
{
    (void)state;
    assert_int_equal((uint32_t)ftun_profile_linux.window << ftun_profile_linux.window_scale,
                     FTUN_WINDOW);
}

static void options_end_at_a_word_whatever_the_profile(void **state)
{
    (void)state;
    struct ftun_profile unaligned = ftun_profile_linux;
    unaligned.syn_options_count = 1;
    unaligned.syn_options[0] = FTUN_TCP_OPTION_WINDOW_SCALE;
    const uint8_t expected[] = {3, 3, 10, 1};
    assert_int_equal(ftun_profile_syn_options(&unaligned, 1460, NULL, out), sizeof expected);
    assert_memory_equal(out, expected, sizeof expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_syn_ack_holds_what_was_offered),
        cmocka_unit_test(options_end_at_a_word_whatever_the_profile),
        cmocka_unit_test(the_window_of_the_linux_profile_is_the_one_that_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
