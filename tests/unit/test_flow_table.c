#include "flow_table.h"
#include "unit.h"

enum { FLOWS = 8, BUCKETS_MAX = 8 };

static struct ftun_flow flows[FLOWS];
static uint32_t by_tuple[BUCKETS_MAX], by_application[BUCKETS_MAX];
static struct ftun_flow_table table;

/* With one bucket all flows collide: every list operation is seen. */
static void create(uint32_t capacity, uint32_t bucket_count)
{
    table = (struct ftun_flow_table){.flows = flows,
                                     .by_tuple = by_tuple,
                                     .by_application = by_application,
                                     .capacity = capacity,
                                     .bucket_count = bucket_count,
                                     .count = 99, /* whatever the memory held */
                                     .key = {{1, 2}}};
    ftun_flow_table_init(&table);
}

static int one_bucket(void **state)
{
    (void)state;
    create(FLOWS, 1);
    return 0;
}

static struct ftun_tuple tuple(uint16_t port)
{
    return (struct ftun_tuple){at(ipv4(10, 0, 0, 2), 4567), at(ipv4(10, 0, 0, 1), port)};
}

static uint32_t found(uint16_t port)
{
    const struct ftun_tuple wanted = tuple(port);
    return ftun_flow_table_find(&table, &wanted);
}

static uint32_t found_by_application(uint16_t port)
{
    const struct ftun_socket_address wanted = at(ipv4(127, 0, 0, 1), port);
    return ftun_flow_table_find_application(&table, &wanted);
}

static uint32_t add(uint16_t port)
{
    const uint32_t flow = ftun_flow_table_take(&table);
    assert_int_not_equal(flow, FTUN_NO_FLOW);
    flows[flow].tuple = tuple(port);
    flows[flow].application = at(ipv4(127, 0, 0, 1), port);
    ftun_flow_table_link(&table, flow);
    ftun_flow_table_link_application(&table, flow);
    return flow;
}

static void drop(uint32_t flow)
{
    ftun_flow_table_unlink(&table, flow);
    ftun_flow_table_unlink_application(&table, flow);
    ftun_flow_table_give(&table, flow);
}

static void there_are_as_many_buckets_as_flows_rounded_up_to_a_power_of_two(void **state)
{
    (void)state;
    static const uint32_t rows[][2] = {
        {1, 1}, {2, 2}, {3, 4}, {1000, 1024}, {65536, 65536}, {UINT32_MAX, UINT32_C(1) << 31}};
    for (size_t i = 0; i < LENGTH(rows); i++)
        assert_int_equal(ftun_flow_table_buckets(rows[i][0]), rows[i][1]);
}

static void each_flow_is_taken_once_until_none_is_left(void **state)
{
    (void)state;
    bool taken[FLOWS] = {false};
    for (uint32_t i = 0; i < FLOWS; i++) {
        const uint32_t flow = ftun_flow_table_take(&table);
        assert_in_range(flow, 0, FLOWS - 1);
        assert_false(taken[flow]);
        taken[flow] = true;
        assert_int_equal(table.count, i + 1);
    }
    assert_int_equal(ftun_flow_table_take(&table), FTUN_NO_FLOW);
    assert_int_equal(table.count, FLOWS);
    ftun_flow_table_give(&table, 3);
    assert_int_equal(ftun_flow_table_take(&table), 3);
}

static void assert_order(const uint32_t *expected, size_t count)
{
    uint32_t flow = table.oldest;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(flow, expected[i]);
        flow = flows[flow].newer;
    }
    assert_int_equal(flow, FTUN_NO_FLOW);
    assert_true(ftun_flow_table_valid(&table));
}

static void the_oldest_flow_is_the_one_heard_longest_ago(void **state)
{
    (void)state;
    assert_order(NULL, 0);
    const uint32_t a = add(1), b = add(2), d = add(3);
    assert_order((uint32_t[]){a, b, d}, 3);
    ftun_flow_table_heard(&table, b);
    assert_order((uint32_t[]){a, d, b}, 3);
    ftun_flow_table_heard(&table, a);
    assert_order((uint32_t[]){d, b, a}, 3);
    ftun_flow_table_heard(&table, a);
    assert_order((uint32_t[]){d, b, a}, 3);
    drop(b);
    assert_order((uint32_t[]){d, a}, 2);
    drop(d);
    drop(a);
    assert_order(NULL, 0);
    const uint32_t again = add(4);
    assert_order(&again, 1);
}

static void a_broken_order_is_found(void **state)
{
    (void)state;
    const uint32_t a = add(1), b = add(2);
    flows[b].older = b;
    assert_false(ftun_flow_table_valid(&table));
    flows[b].older = a;
    flows[b].newer = a;
    assert_false(ftun_flow_table_valid(&table));
    flows[b].newer = FTUN_NO_FLOW;
    table.newest = a;
    assert_false(ftun_flow_table_valid(&table));
    table.newest = b;
    table.oldest = FLOWS;
    assert_false(ftun_flow_table_valid(&table));
    table.oldest = a;
    assert_true(ftun_flow_table_valid(&table));
}

static void a_table_of_no_flows_is_full(void **state)
{
    (void)state;
    create(0, 1);
    assert_int_equal(ftun_flow_table_take(&table), FTUN_NO_FLOW);
    assert_int_equal(found(1), FTUN_NO_FLOW);
}

static void a_flow_begins_clean_whatever_it_was_before(void **state)
{
    (void)state;
    const uint32_t flow = add(1);
    flows[flow].open = flows[flow].dialects = true;
    flows[flow].connection.state = FTUN_ESTABLISHED;
    drop(flow);
    assert_int_equal(ftun_flow_table_take(&table), flow);
    assert_true(flows[flow].in_use);
    assert_false(flows[flow].open || flows[flow].dialects);
    assert_int_equal(flows[flow].connection.state, FTUN_CLOSED);
    assert_int_equal(flows[flow].application.ip.family, FTUN_FAMILY_NONE);
    assert_int_equal(flows[flow].pending.first, FTUN_NO_SLOT);
    assert_int_equal(flows[flow].pending.count, 0);
}

/* The endpoint's list runs through the flow: it ends with the turn, not with the flow. */
static void a_flow_that_ended_in_this_turn_stays_in_the_turns_list(void **state)
{
    (void)state;
    const uint32_t flow = add(1);
    flows[flow].in_turn = true;
    flows[flow].next_in_turn = 7;
    drop(flow);
    assert_int_equal(ftun_flow_table_take(&table), flow);
    assert_true(flows[flow].in_turn);
    assert_int_equal(flows[flow].next_in_turn, 7);
}

static void flows_that_collide_are_told_apart(void **state)
{
    (void)state;
    const uint32_t first = add(1), second = add(2), third = add(3);
    assert_int_equal(found(1), first);
    assert_int_equal(found(2), second);
    assert_int_equal(found(3), third);
    assert_int_equal(found(4), FTUN_NO_FLOW);
    assert_int_equal(found_by_application(1), first);
    assert_int_equal(found_by_application(3), third);
    assert_int_equal(found_by_application(4), FTUN_NO_FLOW);
}

static void one_of_a_chain_leaves_and_the_others_stay(void **state)
{
    (void)state;
    for (uint16_t leaving = 1; leaving <= 3; leaving++) { /* last, middle and first of the chain */
        create(FLOWS, 1);
        const uint32_t flow[] = {FTUN_NO_FLOW, add(1), add(2), add(3)};
        drop(flow[leaving]);
        for (uint16_t port = 1; port <= 3; port++) {
            const uint32_t expected = port == leaving ? FTUN_NO_FLOW : flow[port];
            assert_int_equal(found(port), expected);
            assert_int_equal(found_by_application(port), expected);
        }
    }
}

static void a_flow_leaves_its_application_once(void **state)
{
    (void)state;
    const uint32_t flow = add(1), other = add(2);
    ftun_flow_table_unlink_application(&table, flow);
    ftun_flow_table_unlink_application(&table, flow); /* nothing: it is not linked any more */
    assert_int_equal(found_by_application(1), FTUN_NO_FLOW);
    assert_int_equal(found_by_application(2), other);
    assert_int_equal(found(1), flow);
}

/* Against the plainest implementation: an array by port. */
static void any_sequence_of_flows_is_found_as_it_was_put(void **state)
{
    (void)state;
    enum { PORTS = 16 };
    uint32_t expected[PORTS];
    for (uint16_t port = 0; port < PORTS; port++)
        expected[port] = FTUN_NO_FLOW;
    create(FLOWS, 4);
    uint32_t random = 1;
    for (unsigned i = 0; i < 20000; i++) {
        random = random * 1664525 + 1013904223;
        const uint16_t port = random >> 20 & (PORTS - 1);
        if (expected[port] != FTUN_NO_FLOW) {
            drop(expected[port]);
            expected[port] = FTUN_NO_FLOW;
        } else if (table.count < FLOWS) {
            expected[port] = add(port);
        }
        assert_true(ftun_flow_table_valid(&table));
        for (uint16_t p = 0; p < PORTS; p++) {
            assert_int_equal(found(p), expected[p]);
            assert_int_equal(found_by_application(p), expected[p]);
        }
    }
}

/* One in four other keys falls into the same bucket, where nobody can tell. */
static void a_flow_under_another_key_than_its_own_is_not_valid(void **state)
{
    (void)state;
    create(FLOWS, 4);
    const uint32_t flow = add(1);
    unsigned wrong_tuples = 0, wrong_applications = 0;
    for (uint16_t port = 2; port < 102; port++) {
        flows[flow].tuple = tuple(port);
        wrong_tuples += !ftun_flow_table_valid(&table);
        flows[flow].tuple = tuple(1);
        flows[flow].application.port = port;
        wrong_applications += !ftun_flow_table_valid(&table);
        flows[flow].application.port = 1;
    }
    assert_true(ftun_flow_table_valid(&table));
    assert_in_range(wrong_tuples, 50, 99);
    assert_in_range(wrong_applications, 50, 99);
}

/* A table for many costs what it has held at a time, not what it might hold. */
static void flows_that_were_never_used_are_not_written_to(void **state)
{
    (void)state;
    memset(flows, 0xa5, sizeof flows);
    create(FLOWS, 1);
    const uint32_t first = ftun_flow_table_take(&table);
    flows[first].tuple = tuple(1);
    ftun_flow_table_link(&table, first);
    assert_true(ftun_flow_table_valid(&table));
    ftun_flow_table_unlink(&table, first);
    ftun_flow_table_give(&table, first);
    assert_int_equal(ftun_flow_table_take(&table), first);
    const uint8_t *const rest = (const uint8_t *)&flows[first + 1];
    for (size_t i = 0; i < (FLOWS - 1) * sizeof *flows; i++)
        assert_int_equal(rest[i], 0xa5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flows_that_were_never_used_are_not_written_to),
        cmocka_unit_test(there_are_as_many_buckets_as_flows_rounded_up_to_a_power_of_two),
        cmocka_unit_test_setup(each_flow_is_taken_once_until_none_is_left, one_bucket),
        cmocka_unit_test_setup(the_oldest_flow_is_the_one_heard_longest_ago, one_bucket),
        cmocka_unit_test_setup(a_broken_order_is_found, one_bucket),
        cmocka_unit_test(a_table_of_no_flows_is_full),
        cmocka_unit_test_setup(a_flow_begins_clean_whatever_it_was_before, one_bucket),
        cmocka_unit_test_setup(a_flow_that_ended_in_this_turn_stays_in_the_turns_list, one_bucket),
        cmocka_unit_test_setup(flows_that_collide_are_told_apart, one_bucket),
        cmocka_unit_test(one_of_a_chain_leaves_and_the_others_stay),
        cmocka_unit_test_setup(a_flow_leaves_its_application_once, one_bucket),
        cmocka_unit_test(any_sequence_of_flows_is_found_as_it_was_put),
        cmocka_unit_test(a_flow_under_another_key_than_its_own_is_not_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
