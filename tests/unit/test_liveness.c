/* What is heard, what is asked, and when that is too long ago. */
#include "liveness.h"
#include "unit.h"

static const uint64_t start = 100 * FTUN_SECOND;
static const struct ftun_timeouts usual = {180 * FTUN_SECOND, 30 * FTUN_SECOND, 15 * FTUN_SECOND};
static const struct ftun_timeouts patient = {FTUN_NEVER, FTUN_NEVER, FTUN_NEVER};
static struct ftun_liveness l;

static int hear(void **state)
{
    (void)state;
    ftun_liveness_heard(&l, start);
    return 0;
}

static void nothing_asked_is_asked_by_keepalive(void **state)
{
    (void)state;
    assert_int_equal(ftun_liveness_probe_at(&l, &usual), start + usual.keepalive_ns);
    assert_int_equal(ftun_liveness_doubt_at(&l, &usual), FTUN_NEVER);
    assert_int_equal(ftun_liveness_dead_at(&l, &usual), FTUN_NEVER);
    assert_int_equal(ftun_liveness_idle_at(&l, &usual), start + usual.idle_ns);
}

static void probes_double_their_pauses(void **state)
{
    (void)state;
    ftun_liveness_ask(&l, start);
    static const unsigned tenths[] = {5, 10, 20, 40, 80};
    for (size_t i = 0; i < LENGTH(tenths); i++) {
        const uint64_t at = start + tenths[i] * (FTUN_SECOND / 10);
        assert_int_equal(ftun_liveness_probe_at(&l, &usual), at);
        ftun_liveness_probed(&l, at);
    }
}

static void only_the_first_that_asks_counts(void **state)
{
    (void)state;
    ftun_liveness_ask(&l, start + 1);
    ftun_liveness_ask(&l, start + FTUN_SECOND);
    ftun_liveness_probed(&l, start + 2 * FTUN_SECOND);
    assert_int_equal(ftun_liveness_doubt_at(&l, &usual), start + 1 + FTUN_DOUBT_AFTER);
    assert_int_equal(ftun_liveness_dead_at(&l, &usual), start + 1 + usual.dead_after_ns);
}

static void whatever_is_heard_answers(void **state)
{
    (void)state;
    ftun_liveness_probed(&l, start + FTUN_SECOND);
    ftun_liveness_heard(&l, start + 2 * FTUN_SECOND);
    assert_int_equal(ftun_liveness_dead_at(&l, &usual), FTUN_NEVER);
    assert_int_equal(ftun_liveness_probe_at(&l, &usual),
                     start + 2 * FTUN_SECOND + usual.keepalive_ns);
}

/* F19: a suspended machine makes up for nothing. */
static void F19_a_jump_of_the_clock_skips_probes(void **state)
{
    (void)state;
    const uint64_t woken = start + 3600 * FTUN_SECOND;
    ftun_liveness_ask(&l, start);
    ftun_liveness_probed(&l, woken);
    assert_true(ftun_liveness_probe_at(&l, &usual) > woken);
}

static void after_many_probes_there_are_no_more(void **state)
{
    (void)state;
    ftun_liveness_ask(&l, start);
    ftun_liveness_probed(&l, start + 100000 * FTUN_SECOND);
    assert_int_equal(l.probes, FTUN_PROBES_MAX);
    assert_int_equal(ftun_liveness_probe_at(&l, &usual), FTUN_NEVER);
}

static void without_an_end_nothing_is_ever_due(void **state)
{
    (void)state;
    assert_int_equal(ftun_liveness_probe_at(&l, &patient), FTUN_NEVER);
    assert_int_equal(ftun_liveness_idle_at(&l, &patient), FTUN_NEVER);
    ftun_liveness_ask(&l, start);
    assert_int_equal(ftun_liveness_probe_at(&l, &patient), FTUN_NEVER);
    assert_int_equal(ftun_liveness_doubt_at(&l, &patient), FTUN_NEVER);
    assert_int_equal(ftun_liveness_dead_at(&l, &patient), FTUN_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_asked_is_asked_by_keepalive, hear),
        cmocka_unit_test_setup(probes_double_their_pauses, hear),
        cmocka_unit_test_setup(only_the_first_that_asks_counts, hear),
        cmocka_unit_test_setup(whatever_is_heard_answers, hear),
        cmocka_unit_test_setup(F19_a_jump_of_the_clock_skips_probes, hear),
        cmocka_unit_test_setup(after_many_probes_there_are_no_more, hear),
        cmocka_unit_test_setup(without_an_end_nothing_is_ever_due, hear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
