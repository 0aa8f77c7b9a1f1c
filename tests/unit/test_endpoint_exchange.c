/* Two flows that exchange their connections: numbers and applications stay, all of the wire goes.
 */
#include "endpoint_fixture.h"
#include "endpoint_state.h"

/* Flows 0 and 1, of the clients at ports 1 and 2; returns the first's sequence number. */
static uint32_t two_flows(void)
{
    create(server_config());
    established_server(1);
    const uint32_t first_isn = own_isn;
    established_server(2);
    happened();
    return first_isn;
}

static void segments_are_delivered_to_the_other_flow(void **state)
{
    (void)state;
    const uint32_t first_isn = two_flows();
    ftun_endpoint_exchange_connections(endpoint, 0, 1);
    give(a_client(2), FTUN_ACK | FTUN_PSH, 101, own_isn + 1, "two");
    assert_string_equal(happened(), "deliver flow 0 bytes 3 stride 3");
    give(a_client(1), FTUN_ACK | FTUN_PSH, 101, first_isn + 1, "one");
    assert_string_equal(happened(), "deliver flow 1 bytes 3 stride 3");
}

static void datagrams_leave_over_the_other_connection(void **state)
{
    (void)state;
    two_flows();
    ftun_endpoint_exchange_connections(endpoint, 0, 1);
    send_datagrams(0, 4, 4);
    assert_int_equal(actions.at[0].send.segment.tuple.remote.port, 2);
    assert_string_equal(happened(), "> P. 1:5(4) ack 101 win 63");
    send_datagrams(1, 4, 4);
    assert_int_equal(actions.at[0].send.segment.tuple.remote.port, 1);
}

static void an_acknowledgment_that_is_due_leaves_over_its_own_connection(void **state)
{
    (void)state;
    two_flows();
    give(a_client(2), FTUN_ACK | FTUN_PSH, 101, own_isn + 1, "two");
    happened();
    ftun_endpoint_exchange_connections(endpoint, 0, 1);
    assert_true(ftun_endpoint_valid(endpoint));
    assert_false(ftun_endpoint_end_turn(endpoint, now, &actions));
    assert_int_equal(actions.count, 1);
    assert_int_equal(actions.at[0].send.segment.tuple.remote.port, 2);
    assert_string_equal(happened(), "> . 1:1(0) ack 104 win 63");
}

static void each_connections_deadline_is_met(void **state)
{
    (void)state;
    const uint32_t first_isn = two_flows();
    ftun_endpoint_end_turn(endpoint, now, &actions);
    ftun_endpoint_close(endpoint, now, 0, &actions); /* its FIN is repeated after a second */
    own_isn = first_isn;
    assert_string_equal(happened(), "> F. 1:1(0) ack 101 win 63 | "
                                    "close flow 0: closed by this end");
    ftun_endpoint_exchange_connections(endpoint, 0, 1);
    now += FTUN_RETRANSMIT_TIMEOUT;
    ftun_endpoint_timeout(endpoint, now, &actions);
    assert_int_equal(actions.count, 1);
    assert_int_equal(actions.at[0].flow, 1);
    assert_int_equal(actions.at[0].send.segment.tuple.remote.port, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_are_delivered_to_the_other_flow),
        cmocka_unit_test(datagrams_leave_over_the_other_connection),
        cmocka_unit_test(an_acknowledgment_that_is_due_leaves_over_its_own_connection),
        cmocka_unit_test(each_connections_deadline_is_met),
    };
    return cmocka_run_group_tests(tests, NULL, endpoint_tear_down);
}
