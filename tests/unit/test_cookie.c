#include "cookie.h"
#include "unit.h"

static const struct ftun_hash_key key = {{1, 2, 3, 4}};
static const uint64_t now = 1000 * FTUN_SECOND;

static struct ftun_tuple tuple(uint16_t port)
{
    return (struct ftun_tuple){at(ipv4(10, 0, 0, 2), 4567), at(ipv4(10, 0, 0, 1), port)};
}

static struct ftun_tcp_options syn(uint16_t mss, uint8_t scale)
{
    return (struct ftun_tcp_options){
        .has_mss = true, .mss = mss, .has_window_scale = true, .window_scale = scale};
}

static void a_cookie_tells_what_the_syn_said_rounded_down(void **state)
{
    (void)state;
    static const struct {
        uint16_t mss;
        uint8_t scale;
        uint16_t told_mss;
        uint8_t told_scale;
    } rows[] = {{1460, 10, 1460, 10}, {1459, 9, 1452, 8}, {1452, 14, 1452, 14}, {8961, 7, 8960, 7},
                {88, 0, 88, 0},       {1399, 1, 1390, 0}, {65535, 6, 8960, 5},  {1, 13, 88, 10}};
    const struct ftun_tuple t = tuple(1);
    for (size_t i = 0; i < LENGTH(rows); i++) {
        const struct ftun_tcp_options options = syn(rows[i].mss, rows[i].scale);
        struct ftun_cookie cookie;
        assert_true(
            ftun_cookie_check(&key, now, &t, ftun_cookie_make(&key, now, &t, &options), &cookie));
        assert_int_equal(cookie.mss, rows[i].told_mss);
        assert_int_equal(cookie.window_scale, rows[i].told_scale);
    }
}

static void a_syn_without_options_is_told_as_such(void **state)
{
    (void)state;
    const struct ftun_tuple t = tuple(1);
    const struct ftun_tcp_options none = {0};
    struct ftun_cookie cookie;
    assert_true(ftun_cookie_check(&key, now, &t, ftun_cookie_make(&key, now, &t, &none), &cookie));
    assert_int_equal(cookie.mss, 0);
    assert_int_equal(cookie.window_scale, 0);
}

static void a_cookie_is_of_its_tuple_and_key_and_exact(void **state)
{
    (void)state;
    const struct ftun_tuple t = tuple(1), other = tuple(2);
    const struct ftun_hash_key other_key = {{9}};
    const struct ftun_tcp_options options = syn(1460, 7);
    const uint32_t value = ftun_cookie_make(&key, now, &t, &options);
    struct ftun_cookie cookie;
    assert_false(ftun_cookie_check(&key, now, &other, value, &cookie));
    assert_false(ftun_cookie_check(&other_key, now, &t, value, &cookie));
    for (unsigned bit = 0; bit < 32; bit++)
        assert_false(ftun_cookie_check(&key, now, &t, value ^ (UINT32_C(1) << bit), &cookie));
}

static void a_cookie_expires_after_its_next_epoch(void **state)
{
    (void)state;
    const uint64_t made = 15 * FTUN_COOKIE_EPOCH;
    const struct ftun_tuple t = tuple(1);
    const struct ftun_tcp_options options = syn(1460, 7);
    const uint32_t value = ftun_cookie_make(&key, made, &t, &options);
    struct ftun_cookie cookie;
    assert_true(ftun_cookie_check(&key, made + 2 * FTUN_COOKIE_EPOCH - 1, &t, value, &cookie));
    assert_false(ftun_cookie_check(&key, made + 2 * FTUN_COOKIE_EPOCH, &t, value, &cookie));
    assert_false(ftun_cookie_check(&key, made - 1, &t, value, &cookie));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cookie_tells_what_the_syn_said_rounded_down),
        cmocka_unit_test(a_syn_without_options_is_told_as_such),
        cmocka_unit_test(a_cookie_is_of_its_tuple_and_key_and_exact),
        cmocka_unit_test(a_cookie_expires_after_its_next_epoch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
