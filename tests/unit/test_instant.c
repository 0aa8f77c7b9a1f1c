/* Instants: which of two comes first, and what comes after one. */
#include "instant.h"
#include "unit.h"

static void never_is_behind_all(void **state)
{
    (void)state;
    assert_int_equal(ftun_earlier(1, 2), 1);
    assert_int_equal(ftun_earlier(FTUN_NEVER, 2), 2);
    assert_int_equal(ftun_later(1, 2), 2);
    assert_int_equal(ftun_later(FTUN_NEVER, 2), FTUN_NEVER);
}

static void who_waits_for_ever_waits_until_never(void **state)
{
    (void)state;
    assert_int_equal(ftun_instant_after(5, 7), 12);
    assert_int_equal(ftun_instant_after(5, FTUN_NEVER), FTUN_NEVER);
    assert_int_equal(ftun_instant_after(FTUN_NEVER, 7), FTUN_NEVER);
    assert_int_equal(ftun_instant_after(FTUN_NEVER - 7, 6), FTUN_NEVER - 1);
    assert_int_equal(ftun_instant_after(FTUN_NEVER - 7, 8), FTUN_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_is_behind_all),
        cmocka_unit_test(who_waits_for_ever_waits_until_never),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
