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

static void a_cookie_tells_what_the_syn_said(void **state)
{
    (void)state;
    const struct ftun_tuple t = tuple(1);
    for (uint8_t scale = 0; scale <= FTUN_WINDOW_SCALE_MAX; scale++) {
        const struct ftun_tcp_options options = syn(1460, scale);
        struct ftun_cookie cookie;
        assert_true(
            ftun_cookie_check(&key, now, &t, ftun_cookie_make(&key, now, &t, &options), &cookie));
        assert_int_equal(cookie.mss, 1460);
        assert_true(cookie.has_window_scale);
        assert_int_equal(cookie.window_scale, scale);
    }
}

static void an_mss_is_rounded_down_and_never_up(void **state)
{
    (void)state;
    static const struct {
        uint16_t said, told;
    } rows[] = {{1460, 1460}, {1459, 1452}, {1440, 1440}, {1399, 1380},
                {8960, 8940}, {536, 536},   {100, 536},   {65535, 8940}};
    const struct ftun_tuple t = tuple(1);
    for (size_t i = 0; i < LENGTH(rows); i++) {
        const struct ftun_tcp_options options = syn(rows[i].said, 7);
        struct ftun_cookie cookie;
        assert_true(
            ftun_cookie_check(&key, now, &t, ftun_cookie_make(&key, now, &t, &options), &cookie));
        assert_int_equal(cookie.mss, rows[i].told);
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
    assert_false(cookie.has_window_scale);
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
        cmocka_unit_test(a_cookie_tells_what_the_syn_said),
        cmocka_unit_test(an_mss_is_rounded_down_and_never_up),
        cmocka_unit_test(a_syn_without_options_is_told_as_such),
        cmocka_unit_test(a_cookie_is_of_its_tuple_and_key_and_exact),
        cmocka_unit_test(a_cookie_expires_after_its_next_epoch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
