#include "unit.h"

static void addresses_are_equal_in_every_byte_and_the_family(void **state)
{
    (void)state;
    const struct ftun_address address = ipv6(1);
    struct ftun_address other = address;
    assert_true(ftun_address_equal(&address, &other));
    for (size_t i = 0; i < sizeof other.bytes; i++) {
        other.bytes[i] ^= 0x80;
        assert_false(ftun_address_equal(&address, &other));
        other.bytes[i] ^= 0x80;
    }
    other.family = FTUN_IPV4;
    assert_false(ftun_address_equal(&address, &other));
}

static void socket_addresses_are_equal_in_address_and_port(void **state)
{
    (void)state;
    const struct ftun_socket_address address = at(ipv4(10, 0, 0, 1), 80);
    const struct ftun_socket_address same = at(ipv4(10, 0, 0, 1), 80);
    const struct ftun_socket_address other_port = at(ipv4(10, 0, 0, 1), 81);
    const struct ftun_socket_address other_ip = at(ipv4(10, 0, 0, 2), 80);
    assert_true(ftun_socket_address_equal(&address, &same));
    assert_false(ftun_socket_address_equal(&address, &other_port));
    assert_false(ftun_socket_address_equal(&address, &other_ip));
}

static void what_is_unspecified_multicast_or_broadcast_is_no_host(void **state)
{
    (void)state;
    const struct ftun_address multicast6 = {.bytes = {0xff, 2, [15] = 1}, .family = FTUN_IPV6};
    const struct ftun_address hosts[] = {ipv4(10, 0, 0, 1), ipv4(223, 255, 255, 255),
                                         ipv4(255, 255, 255, 254), ipv6(1)};
    const struct ftun_address others[] = {
        ipv4(0, 0, 0, 0),         ipv4(224, 0, 0, 1), ipv4(239, 255, 255, 255),
        ipv4(255, 255, 255, 255), multicast6,         {.family = FTUN_IPV6}};
    for (size_t i = 0; i < LENGTH(hosts); i++)
        assert_true(ftun_address_is_host(&hosts[i]));
    for (size_t i = 0; i < LENGTH(others); i++)
        assert_false(ftun_address_is_host(&others[i]));
}

static void addresses_of_one_link_begin_with_fe80_of_ten_bits(void **state)
{
    (void)state;
    const struct ftun_address first = {.bytes = {0xfe, 0x80, [15] = 1}, .family = FTUN_IPV6};
    const struct ftun_address last = {.bytes = {0xfe, 0xbf, [15] = 1}, .family = FTUN_IPV6};
    const struct ftun_address beyond = {.bytes = {0xfe, 0xc0, [15] = 1}, .family = FTUN_IPV6};
    const struct ftun_address below = {.bytes = {0xfd, 0x80, [15] = 1}, .family = FTUN_IPV6};
    const struct ftun_address other = ipv4(0xfe, 0x80, 0, 1);
    assert_true(ftun_address_is_link_local6(&first));
    assert_true(ftun_address_is_link_local6(&last));
    assert_false(ftun_address_is_link_local6(&beyond));
    assert_false(ftun_address_is_link_local6(&below));
    assert_false(ftun_address_is_link_local6(&other));
}

static void tuples_have_a_direction(void **state)
{
    (void)state;
    const struct ftun_socket_address a = at(ipv4(10, 0, 0, 1), 1), b = at(ipv4(10, 0, 0, 2), 2);
    const struct ftun_tuple tuple = {a, b}, same = {a, b}, back = {b, a}, local = {b, b},
                            remote = {a, a};
    assert_true(ftun_tuple_equal(&tuple, &same));
    assert_false(ftun_tuple_equal(&tuple, &back));
    assert_false(ftun_tuple_equal(&tuple, &local));
    assert_false(ftun_tuple_equal(&tuple, &remote));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_equal_in_every_byte_and_the_family),
        cmocka_unit_test(socket_addresses_are_equal_in_address_and_port),
        cmocka_unit_test(what_is_unspecified_multicast_or_broadcast_is_no_host),
        cmocka_unit_test(addresses_of_one_link_begin_with_fe80_of_ten_bits),
        cmocka_unit_test(tuples_have_a_direction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
