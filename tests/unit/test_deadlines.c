#include "deadlines.h"
#include "unit.h"

enum { FLOWS = 64 };

static struct ftun_deadline heap[FLOWS];
static uint32_t position[FLOWS];
static struct ftun_deadlines deadlines;

static int set_up(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FLOWS; i++)
        position[i] = FTUN_NO_DEADLINE;
    deadlines = (struct ftun_deadlines){.heap = heap, .position = position};
    return 0;
}

static uint32_t take_first(void)
{
    const uint32_t flow = heap[0].flow;
    ftun_deadlines_remove(&deadlines, flow);
    return flow;
}

static void the_earliest_comes_first(void **state)
{
    (void)state;
    ftun_deadlines_set(&deadlines, 0, 30);
    ftun_deadlines_set(&deadlines, 1, 10);
    ftun_deadlines_set(&deadlines, 2, 20);
    assert_int_equal(take_first(), 1);
    assert_int_equal(take_first(), 2);
    assert_int_equal(take_first(), 0);
    assert_int_equal(deadlines.count, 0);
}

static void advance_moves_only_earlier(void **state)
{
    (void)state;
    ftun_deadlines_advance(&deadlines, 0, 30);
    ftun_deadlines_advance(&deadlines, 0, 40);
    assert_int_equal(heap[0].at_ns, 30);
    ftun_deadlines_advance(&deadlines, 0, 20);
    assert_int_equal(heap[0].at_ns, 20);
    ftun_deadlines_set(&deadlines, 0, 50);
    assert_int_equal(heap[0].at_ns, 50);
}

static void removing_what_is_not_there_does_nothing(void **state)
{
    (void)state;
    ftun_deadlines_remove(&deadlines, 5);
    assert_int_equal(deadlines.count, 0);
}

/* Against the plainest implementation: an array that is searched. */
static void any_sequence_of_operations_keeps_the_order(void **state)
{
    (void)state;
    uint64_t expected[FLOWS] = {0}; /* 0: none */
    uint32_t random = 1;
    for (unsigned i = 0; i < 20000; i++) {
        random = random * 1664525 + 1013904223;
        const uint32_t flow = random >> 8 & (FLOWS - 1);
        const uint64_t at_ns = 1 + (random >> 16) % 1000;
        if (random >> 28 < 5) {
            ftun_deadlines_remove(&deadlines, flow);
            expected[flow] = 0;
        } else {
            ftun_deadlines_set(&deadlines, flow, at_ns);
            expected[flow] = at_ns;
        }
        uint64_t earliest = UINT64_MAX;
        uint32_t count = 0;
        for (unsigned f = 0; f < FLOWS; f++) {
            if (expected[f] != 0)
                count++;
            if (expected[f] != 0 && expected[f] < earliest)
                earliest = expected[f];
        }
        assert_int_equal(deadlines.count, count);
        assert_true(ftun_deadlines_valid(&deadlines, FLOWS));
        if (count > 0)
            assert_int_equal(heap[0].at_ns, earliest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_earliest_comes_first, set_up),
        cmocka_unit_test_setup(advance_moves_only_earlier, set_up),
        cmocka_unit_test_setup(removing_what_is_not_there_does_nothing, set_up),
        cmocka_unit_test_setup(any_sequence_of_operations_keeps_the_order, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
