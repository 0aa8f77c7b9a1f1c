/* Numbers that a stranger must not foresee: a client's ports (RFC 6056) and first sequence numbers
 * (RFC 6528). The endpoint's key is fixed here, so each run draws the same. */
#include "endpoint_fixture.h"

enum { FLOWS = 4096, BUCKETS = 16, EACH = FLOWS / BUCKETS };

static struct {
    uint16_t port;
    uint32_t isn;
} drawn[FLOWS];

static void draw_all(uint8_t key)
{
    struct ftun_endpoint_config c = client_config();
    c.key.bytes[0] = key;
    c.max_flows = FLOWS;
    create(c);
    for (unsigned i = 0; i < FLOWS; i++) {
        ftun_endpoint_flow(endpoint, now, application_at((uint16_t)(i + 1)), &actions);
        happened();
        drawn[i].port = own_port;
        drawn[i].isn = own_isn;
    }
}

/* Within five standard deviations of what even chances give. */
static void assert_even(const unsigned counts[BUCKETS])
{
    for (size_t i = 0; i < BUCKETS; i++)
        assert_in_range(counts[i], EACH - 80, EACH + 80);
}

static void ports_are_drawn_evenly_from_the_whole_range(void **state)
{
    (void)state;
    draw_all(1);
    unsigned counts[BUCKETS] = {0};
    for (size_t i = 0; i < FLOWS; i++) {
        assert_in_range(drawn[i].port, FTUN_PORT_FIRST, FTUN_PORT_LAST);
        counts[(drawn[i].port - FTUN_PORT_FIRST) * BUCKETS /
               (FTUN_PORT_LAST - FTUN_PORT_FIRST + 1)]++;
    }
    assert_even(counts);
}

static void no_port_is_drawn_twice_at_a_time(void **state)
{
    (void)state;
    static bool seen[UINT16_MAX + 1];
    draw_all(1);
    for (size_t i = 0; i < FLOWS; i++) {
        assert_false(seen[drawn[i].port]);
        seen[drawn[i].port] = true;
    }
}

static void a_port_tells_nothing_of_the_next(void **state)
{
    (void)state;
    draw_all(1);
    unsigned counts[BUCKETS] = {0};
    for (size_t i = 0; i < FLOWS; i++) {
        const uint16_t step = (uint16_t)(drawn[i].port - drawn[(i + 1) % FLOWS].port);
        counts[step % BUCKETS]++;
    }
    assert_even(counts);
}

static void another_key_draws_other_ports_and_sequence_numbers(void **state)
{
    (void)state;
    draw_all(1);
    const uint16_t port = drawn[0].port, next = drawn[1].port;
    const uint32_t isn = drawn[0].isn;
    draw_all(2);
    assert_false(drawn[0].port == port && drawn[1].port == next);
    assert_int_not_equal(drawn[0].isn, isn);
}

static void first_sequence_numbers_of_different_tuples_have_nothing_in_common(void **state)
{
    (void)state;
    draw_all(1);
    unsigned counts[BUCKETS] = {0};
    for (size_t i = 0; i < FLOWS; i++)
        counts[(drawn[i].isn - drawn[(i + 1) % FLOWS].isn) >> 28]++;
    assert_even(counts);
}

/* RFC 6528 3: a tuple that is used again goes on where the clock is, ahead of old segments. */
static void the_first_sequence_number_of_a_tuple_moves_with_the_clock(void **state)
{
    (void)state;
    create(client_config());
    ftun_endpoint_flow(endpoint, now, application_at(1), &actions);
    happened();
    const uint16_t port = own_port;
    const uint32_t isn = own_isn;
    create(client_config());
    now += 64 * FTUN_MILLISECOND;
    ftun_endpoint_flow(endpoint, now, application_at(1), &actions);
    happened();
    assert_int_equal(own_port, port);
    assert_int_equal(own_isn - isn, 1000000); /* a tick is 64 ns */
}

static void a_port_in_time_wait_is_not_drawn(void **state)
{
    (void)state;
    client_of_all_ports(client_config());
    const uint32_t last = ftun_endpoint_flow_count(endpoint) - 1;
    give(the_server(), FTUN_SYN | FTUN_ACK, 5000, own_isn + 1, "");
    ftun_endpoint_close(endpoint, now, last, &actions);
    give(the_server(), FTUN_FIN | FTUN_ACK, 5001, own_isn + 2, "");
    actions.count = 0;
    const uint64_t refused_before = refused(FTUN_REFUSED_PORTS_EXHAUSTED);
    assert_int_equal(ftun_endpoint_closing_count(endpoint), last);
    assert_int_equal(ftun_endpoint_flow_count(endpoint), last + 1);
    assert_int_equal(ftun_endpoint_flow(endpoint, now, application_at(65000), &actions),
                     FTUN_NO_FLOW);
    assert_int_equal(refused(FTUN_REFUSED_PORTS_EXHAUSTED), refused_before + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ports_are_drawn_evenly_from_the_whole_range),
        cmocka_unit_test(no_port_is_drawn_twice_at_a_time),
        cmocka_unit_test(a_port_tells_nothing_of_the_next),
        cmocka_unit_test(another_key_draws_other_ports_and_sequence_numbers),
        cmocka_unit_test(first_sequence_numbers_of_different_tuples_have_nothing_in_common),
        cmocka_unit_test(the_first_sequence_number_of_a_tuple_moves_with_the_clock),
        cmocka_unit_test(a_port_in_time_wait_is_not_drawn),
    };
    return cmocka_run_group_tests(tests, NULL, endpoint_tear_down);
}
