#include "addresses.h"
#include "unit.h"

static void the_loopback_address_is_among_the_hosts(void **state)
{
    (void)state;
    struct ftun_addresses addresses;
    struct ftun_error error;
    const struct ftun_address loopback = ipv4(127, 0, 0, 1);
    bool found = false;
    assert_true(ftun_addresses_read(&addresses, &error));
    for (size_t i = 0; i < addresses.count; i++)
        found = found || ftun_address_equal(&addresses.at[i], &loopback);
    assert_true(found);
    ftun_addresses_free(&addresses);
    assert_int_equal(addresses.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_loopback_address_is_among_the_hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
