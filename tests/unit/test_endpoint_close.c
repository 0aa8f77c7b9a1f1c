/* Flows that end: by this end, by idleness, all at once. */
#include "endpoint_fixture.h"

static void F17_close_all_sends_a_fin_for_each_flow(void **state)
{
    (void)state;
    create(server_config());
    established_server(1);
    established_server(2);
    happened();
    own_isn = 0;
    assert_false(ftun_endpoint_close_all(endpoint, now, &actions));
    assert_int_equal(actions.count, 4);
    for (size_t i = 0; i < 4; i += 2) {
        assert_int_equal(actions.at[i].kind, FTUN_ACTION_SEND);
        assert_int_equal(actions.at[i].send.segment.tcp.flags, FTUN_FIN | FTUN_ACK);
        assert_int_equal(actions.at[i + 1].kind, FTUN_ACTION_CLOSE);
    }
    assert_int_equal(ftun_endpoint_closing_count(endpoint), 2);
    assert_false(ftun_endpoint_close_all(endpoint, now, &actions));
    assert_int_equal(actions.count, 0);
}

/* F05: more than 16 quick closes kill a reader of Phantun's. */
static void F05_ten_thousand_closes_at_once_disturb_no_other_flow(void **state)
{
    (void)state;
    struct ftun_endpoint_config c = server_config();
    c.max_flows = 10001;
    create(c);
    for (uint16_t port = 1; port <= 10000; port++)
        established_server(port);
    established_server(20000);
    const uint32_t isn = own_isn;
    for (uint32_t flow = 0; flow < 10000; flow++)
        ftun_endpoint_close(endpoint, now, flow, &actions);
    own_isn = isn;
    actions.count = 0;
    give(a_client(20000), FTUN_ACK | FTUN_PSH, 101, isn + 1, "ping");
    assert_string_equal(happened(), "deliver flow 10000 bytes 4 stride 4");
    while (ftun_endpoint_flow_count(endpoint) > 1) {
        now = ftun_endpoint_deadline(endpoint);
        ftun_endpoint_timeout(endpoint, now, &actions);
    }
    assert_true(now < start + 5 * FTUN_SECOND);
}

static void an_idle_flow_is_closed_and_its_number_comes_again(void **state)
{
    (void)state;
    create(server_config());
    established_server(1);
    happened();
    now = ftun_endpoint_deadline(endpoint);
    assert_int_equal(now, start + FTUN_IDLE_TIMEOUT_DEFAULT);
    ftun_endpoint_timeout(endpoint, now, &actions);
    assert_string_equal(happened(), "> F. 1:1(0) ack 101 win 63 | "
                                    "close flow 0: nothing received for the idle timeout");
    give(a_client(1), FTUN_FIN | FTUN_ACK, 101, own_isn + 2, "");
    assert_string_equal(happened(), "> . 2:2(0) ack 102 win 63");
    while (ftun_endpoint_flow_count(endpoint) > 0) {
        now = ftun_endpoint_deadline(endpoint);
        ftun_endpoint_timeout(endpoint, now, &actions);
        assert_string_equal(happened(), "");
    }
    assert_int_equal(now, start + FTUN_IDLE_TIMEOUT_DEFAULT + FTUN_TIME_WAIT_DURATION);
    established_server(2);
    assert_string_equal(happened(), "open | established flow 0 profile linux mss 1460");
}

static void datagrams_for_a_flow_being_closed_are_refused(void **state)
{
    (void)state;
    const uint32_t flow = established_client();
    ftun_endpoint_close(endpoint, now, flow, &actions);
    assert_int_equal(send_datagrams(flow, 30, 10), 30);
    assert_int_equal(refused(FTUN_REFUSED_FLOW_CLOSING), 3);
}

static void a_flow_of_received_data_outlives_its_idle_timeout(void **state)
{
    (void)state;
    create(server_config());
    established_server(1);
    happened();
    for (uint32_t i = 0; i < 10; i++) {
        now += 60 * FTUN_SECOND;
        while (ftun_endpoint_deadline(endpoint) <= now) {
            ftun_endpoint_timeout(endpoint, now, &actions);
            assert_int_equal(ftun_endpoint_flow_count(endpoint), 1);
        }
        give(a_client(1), FTUN_ACK | FTUN_PSH, 101 + 4 * i, own_isn + 1, "data");
    }
    assert_int_equal(ftun_endpoint_counters(endpoint)->flows_closed, 0);
}

static void a_flow_is_closed_once(void **state)
{
    (void)state;
    const uint32_t flow = established_client();
    ftun_endpoint_close(endpoint, now, flow, &actions);
    assert_string_equal(happened(), "> F. 1:1(0) ack 5001 win 63 | "
                                    "close flow 0: closed by this end");
    ftun_endpoint_close(endpoint, now, flow, &actions);
    assert_string_equal(happened(), "");
    give(the_server(), FTUN_RST, 5001, 0, "");
    ftun_endpoint_close(endpoint, now, flow, &actions);
    assert_string_equal(happened(), "");
    assert_int_equal(ftun_endpoint_counters(endpoint)->flows_closed, 1);
}

static void F17_close_all_of_many_flows_takes_several_calls(void **state)
{
    (void)state;
    struct ftun_endpoint_config c = server_config();
    c.max_flows = 100;
    create(c);
    for (uint16_t port = 1; port <= 100; port++)
        established_server(port);
    size_t fins = 0;
    bool more;
    do {
        more = ftun_endpoint_close_all(endpoint, now, &actions);
        for (size_t i = 0; i < actions.count; i++)
            fins += actions.at[i].kind == FTUN_ACTION_SEND;
    } while (more);
    assert_int_equal(fins, 100);
    assert_int_equal(ftun_endpoint_closing_count(endpoint), 100);
}

/* Applications that go on sending would have a server close flows for ever. */
static void F17_after_close_all_a_handshake_may_complete_but_none_begins(void **state)
{
    (void)state;
    create(server_config());
    established_server(1);
    give(a_client(2), FTUN_SYN, 100, 0, "");
    happened();
    const uint32_t isn = own_isn;
    assert_false(ftun_endpoint_close_all(endpoint, now, &actions));
    give(a_client(3), FTUN_SYN, 100, 0, "");
    assert_int_equal(actions.count, 0);
    assert_int_equal(refused(FTUN_REFUSED_SHUTTING_DOWN), 1);
    assert_int_equal(ftun_endpoint_open_count(endpoint), 0);
    give(a_client(2), FTUN_ACK, 101, isn + 1, "");
    assert_int_equal(ftun_endpoint_open_count(endpoint), 1);
    assert_false(ftun_endpoint_close_all(endpoint, now, &actions));
    assert_int_equal(ftun_endpoint_open_count(endpoint), 0);
    assert_int_equal(ftun_endpoint_closing_count(endpoint), 2);
}

static void a_flow_whose_peer_has_closed_too_is_not_waited_for(void **state)
{
    (void)state;
    const uint32_t flow = established_client();
    ftun_endpoint_close(endpoint, now, flow, &actions);
    assert_int_equal(ftun_endpoint_closing_count(endpoint), 1);
    give(the_server(), FTUN_FIN | FTUN_ACK, 5001, own_isn + 2, "");
    assert_int_equal(ftun_endpoint_closing_count(endpoint), 0);
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 1); /* in TIME_WAIT */
}

static void each_datagram_after_the_close_is_counted(void **state)
{
    (void)state;
    const uint32_t flow = established_client();
    ftun_endpoint_close(endpoint, now, flow, &actions);
    give_glued(the_server(), FTUN_ACK | FTUN_PSH, 5001, own_isn + 1, "aaaabbbbcc", 4);
    assert_int_equal(refused(FTUN_REFUSED_DATA_AFTER_CLOSE), 3);
}

/* Whose memory has not been written to. */
static void a_flow_that_never_was_is_not_closed(void **state)
{
    (void)state;
    create(server_config());
    established_server(1);
    happened();
    ftun_endpoint_close(endpoint, now, 1, &actions);
    assert_int_equal(actions.count, 0);
    assert_int_equal(ftun_endpoint_closing_count(endpoint), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(F17_close_all_sends_a_fin_for_each_flow),
        cmocka_unit_test(F05_ten_thousand_closes_at_once_disturb_no_other_flow),
        cmocka_unit_test(an_idle_flow_is_closed_and_its_number_comes_again),
        cmocka_unit_test(datagrams_for_a_flow_being_closed_are_refused),
        cmocka_unit_test(a_flow_of_received_data_outlives_its_idle_timeout),
        cmocka_unit_test(a_flow_is_closed_once),
        cmocka_unit_test(a_flow_that_never_was_is_not_closed),
        cmocka_unit_test(F17_close_all_of_many_flows_takes_several_calls),
        cmocka_unit_test(F17_after_close_all_a_handshake_may_complete_but_none_begins),
        cmocka_unit_test(a_flow_whose_peer_has_closed_too_is_not_waited_for),
        cmocka_unit_test(each_datagram_after_the_close_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, endpoint_tear_down);
}
