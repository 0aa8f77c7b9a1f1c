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
        cmocka_unit_test(tuples_have_a_direction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
