/* What Linux makes of its settings; the rows were seen on the wire. */
#include "host_tcp.h"
#include "unit.h"

static void scale_and_space_follow_the_settings(void **state)
{
    (void)state;
    static const struct {
        const char *tcp_rmem, *rmem_max;
        uint32_t receive_space;
        uint8_t window_scale;
    } rows[] = {
        {"4096\t131072\t33554432\n", "4194304\n", 65536, 10},
        {"4096\t131072\t6291456\n", "212992\n", 65536, 7},
        {"4096\t87380\t6291456\n", "", 43690, 7},
        {"4096\t131072\t6291456\n", "16777216\n", 65536, 9},
        {"4096\t65536\t65536\n", "65535\n", 32768, 1},
        {"4096\t32767\t65535\n", "65535\n", 16383, 0},
        {"4096\t131072\t2147483647\n", "2147483647\n", 65536, 14},
    };
    for (size_t i = 0; i < LENGTH(rows); i++) {
        const struct ftun_host host = ftun_host_tcp_of(rows[i].tcp_rmem, rows[i].rmem_max);
        assert_int_equal(host.receive_space, rows[i].receive_space);
        assert_int_equal(host.window_scale, rows[i].window_scale);
    }
}

static void settings_that_cannot_be_read_leave_the_profile_as_it_is(void **state)
{
    (void)state;
    const struct ftun_host host = ftun_host_tcp_of("", "4194304\n");
    assert_int_equal(host.receive_space, 0);
    assert_int_equal(host.window_scale, 0);
}

static void this_host_has_settings(void **state)
{
    (void)state;
    assert_true(ftun_host_tcp().receive_space > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scale_and_space_follow_the_settings),
        cmocka_unit_test(settings_that_cannot_be_read_leave_the_profile_as_it_is),
        cmocka_unit_test(this_host_has_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
