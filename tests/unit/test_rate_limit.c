#include "rate_limit.h"
#include "unit.h"

enum { PER_SECOND = 10 };

static const uint64_t start = 100 * FTUN_SECOND;

static unsigned granted(struct ftun_rate_limit *limit, uint64_t now_ns, unsigned asked)
{
    unsigned count = 0;
    for (unsigned i = 0; i < asked; i++)
        count += ftun_rate_limit_take(limit, now_ns, PER_SECOND);
    return count;
}

static void after_a_quiet_second_a_seconds_worth_passes_at_once(void **state)
{
    (void)state;
    struct ftun_rate_limit limit = {0};
    assert_int_equal(granted(&limit, start, 100), PER_SECOND);
}

static void quiet_hours_earn_no_more_than_a_quiet_second(void **state)
{
    (void)state;
    struct ftun_rate_limit limit = {0};
    granted(&limit, start, 100);
    assert_int_equal(granted(&limit, start + 3600 * FTUN_SECOND, 100), PER_SECOND);
}

static void a_spent_bucket_fills_one_by_one(void **state)
{
    (void)state;
    struct ftun_rate_limit limit = {0};
    granted(&limit, start, 100);
    const uint64_t interval = FTUN_SECOND / PER_SECOND;
    assert_int_equal(granted(&limit, start + interval - 1, 1), 0);
    assert_int_equal(granted(&limit, start + interval, 2), 1);
    assert_int_equal(granted(&limit, start + 3 * interval, 5), 2);
}

static void a_flood_gets_its_rate_and_no_more(void **state)
{
    (void)state;
    struct ftun_rate_limit limit = {0};
    granted(&limit, start, 100);
    unsigned count = 0;
    for (uint64_t ms = 1; ms <= 5000; ms++)
        count += granted(&limit, start + ms * FTUN_MILLISECOND, 1);
    assert_int_equal(count, 5 * PER_SECOND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_a_quiet_second_a_seconds_worth_passes_at_once),
        cmocka_unit_test(quiet_hours_earn_no_more_than_a_quiet_second),
        cmocka_unit_test(a_spent_bucket_fills_one_by_one),
        cmocka_unit_test(a_flood_gets_its_rate_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
