#include "cookie.h"
#include "mss.h"
#include "unit.h"

static void common_paths_lose_nothing(void **state)
{
    (void)state;
    static const struct {
        uint16_t mtu, over_ipv4, over_ipv6;
    } rows[] = {{1500, 1460, 1440}, {1492, 1452, 1432}, {1480, 1440, 1420}, {1476, 1436, 1416},
                {1460, 1420, 1400}, {1450, 1410, 1390}, {1440, 1400, 1380}, {1420, 1380, 1360},
                {1400, 1360, 1340}, {1280, 1240, 1220}, {9000, 8960, 8940}, {8896, 8856, 8836}};
    for (size_t i = 0; i < LENGTH(rows); i++) {
        assert_int_equal(ftun_mss(FTUN_IPV4, rows[i].mtu), rows[i].over_ipv4);
        assert_int_equal(ftun_mss(FTUN_IPV6, rows[i].mtu), rows[i].over_ipv6);
    }
}

static void a_segment_fits_its_path_whatever_the_mtu(void **state)
{
    (void)state;
    for (uint32_t mtu = 128; mtu <= 65535; mtu++) {
        assert_true(ftun_mss(FTUN_IPV4, (uint16_t)mtu) + 40u <= mtu);
        assert_true(mtu < 148 || ftun_mss(FTUN_IPV6, (uint16_t)mtu) + 60u <= mtu);
    }
}

/* F20: a server that remembered less than the client announced would be a black hole. */
static void F20_what_one_end_announces_the_other_remembers(void **state)
{
    (void)state;
    const struct ftun_hash_key key = {{1}};
    const struct ftun_tuple tuple = {at(ipv4(10, 0, 0, 2), 1), at(ipv4(10, 0, 0, 1), 2)};
    for (uint32_t mtu = 68; mtu <= 65535; mtu++) {
        const struct ftun_tcp_options syn = {.has_mss = true,
                                             .mss = ftun_mss(FTUN_IPV4, (uint16_t)mtu)};
        const uint32_t value = ftun_cookie_make(&key, 0, &tuple, &syn);
        struct ftun_cookie cookie;
        assert_true(ftun_cookie_check(&key, 0, &tuple, value, &cookie));
        assert_int_equal(cookie.mss, syn.mss);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(common_paths_lose_nothing),
        cmocka_unit_test(a_segment_fits_its_path_whatever_the_mtu),
        cmocka_unit_test(F20_what_one_end_announces_the_other_remembers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
