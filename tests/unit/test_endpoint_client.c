/* A client: flows that begin with a datagram, and the bursts that they send. */
#include "endpoint_fixture.h"

static void the_first_datagram_opens_a_flow_and_waits_for_it(void **state)
{
    (void)state;
    create(client_config());
    const uint32_t flow = ftun_endpoint_flow(endpoint, now, application_at(1), &actions);
    assert_int_equal(flow, 0);
    assert_string_equal(happened(), "open | " SYN);
    assert_int_equal(send_datagrams(flow, 250, 100), 250);
    assert_string_equal(happened(), "");
    give(the_server(), FTUN_SYN | FTUN_ACK, 5000, own_isn + 1, "");
    assert_string_equal(happened(), "> . 1:1(0) ack 5001 win 63 | "
                                    "established flow 0 profile linux mss 1460 | "
                                    "> P. 1:101(100) ack 5001 win 63 | "
                                    "> P. 101:201(100) ack 5001 win 63 | "
                                    "> P. 201:251(50) ack 5001 win 63");
}

static void a_flow_is_found_again_by_its_application(void **state)
{
    (void)state;
    const uint32_t flow = established_client();
    assert_int_equal(ftun_endpoint_flow(endpoint, now, application_at(1), &actions), flow);
    assert_string_equal(happened(), "");
    assert_int_not_equal(ftun_endpoint_flow(endpoint, now, application_at(2), &actions), flow);
}

static void a_syn_goes_out_as_the_plan_says(void **state)
{
    (void)state;
    create(client_config());
    ftun_endpoint_flow(endpoint, now, application_at(1), &actions);
    const struct ftun_segment *s = &actions.at[1].send.segment;
    assert_true(ftun_address_equal(&s->tuple.local.ip, &config.path.local));
    assert_true(ftun_socket_address_equal(&s->tuple.remote, &config.path.remote));
    assert_in_range(s->tuple.local.port, FTUN_PORT_FIRST, FTUN_PORT_LAST);
    assert_int_equal(s->ttl, 65); /* the host decrements it once */
}

static void a_burst_leaves_as_one_super_segment(void **state)
{
    (void)state;
    const uint32_t flow = established_client();
    assert_int_equal(send_datagrams(flow, 46 * 1400, 1400), 46 * 1400);
    assert_string_equal(happened(), "> P. 1:64401(46x1400) ack 5001 win 63");
    assert_int_equal(send_datagrams(flow, 1400, 1400), 1400);
    assert_string_equal(happened(), "> P. 64401:65801(1400) ack 5001 win 63");
}

static void without_offload_each_datagram_is_a_segment(void **state)
{
    (void)state;
    struct ftun_endpoint_config c = client_config();
    c.segmentation_offload = false;
    const uint32_t flow = dialing_client_of(c);
    give(the_server(), FTUN_SYN | FTUN_ACK, 5000, own_isn + 1, "");
    assert_int_equal(send_datagrams(flow, 250, 100), 250);
    assert_string_equal(happened(), "> P. 1:101(100) ack 5001 win 63 | "
                                    "> P. 101:201(100) ack 5001 win 63 | "
                                    "> P. 201:251(50) ack 5001 win 63");
}

static void more_datagrams_than_actions_are_taken_in_several_calls(void **state)
{
    (void)state;
    struct ftun_endpoint_config c = client_config();
    c.segmentation_offload = false;
    const uint32_t flow = dialing_client_of(c);
    give(the_server(), FTUN_SYN | FTUN_ACK, 5000, own_isn + 1, "");
    assert_int_equal(send_datagrams(flow, 100, 1), FTUN_ACTIONS_MAX);
    assert_int_equal(actions.count, FTUN_ACTIONS_MAX);
}

static void a_burst_beyond_one_packet_leaves_in_two(void **state)
{
    (void)state;
    const uint32_t flow = established_client();
    assert_int_equal(send_datagrams(flow, 65535, 1000), 65535);
    assert_string_equal(happened(), "> P. 1:65001(65x1000) ack 5001 win 63 | "
                                    "> P. 65001:65536(535) ack 5001 win 63");
}

/* F22: oversize datagrams vanish silently elsewhere. */
static void F22_a_datagram_larger_than_a_segment_is_refused_and_counted(void **state)
{
    (void)state;
    const uint32_t flow = established_client();
    assert_int_equal(send_datagrams(flow, 2 * 1461 + 10, 1461), 2 * 1461 + 10);
    assert_string_equal(happened(), "> P. 1:11(10) ack 5001 win 63");
    assert_int_equal(refused(FTUN_REFUSED_DATAGRAM_TOO_LARGE), 2);
    assert_int_equal(send_datagrams(flow, 1460, 1460), 1460);
    assert_string_equal(happened(), "> P. 11:1471(1460) ack 5001 win 63");
}

static void F22_an_oversize_datagram_is_told_apart_during_the_handshake_too(void **state)
{
    (void)state;
    create(client_config());
    const uint32_t flow = ftun_endpoint_flow(endpoint, now, application_at(1), &actions);
    send_datagrams(flow, 1461, 1461);
    assert_int_equal(refused(FTUN_REFUSED_DATAGRAM_TOO_LARGE), 1);
    assert_int_equal(refused(FTUN_REFUSED_PENDING_FULL), 0);
}

static void F25_an_empty_datagram_is_refused_and_counted(void **state)
{
    (void)state;
    const uint32_t flow = established_client();
    assert_int_equal(send_datagrams(flow, 0, 0), 0);
    assert_string_equal(happened(), "");
    assert_int_equal(refused(FTUN_REFUSED_DATAGRAM_EMPTY), 1);
}

/* F15: one unreachable server stalls every new client for 3 s in Phantun. */
static void F15_handshakes_are_independent_and_their_queues_bounded(void **state)
{
    (void)state;
    create(client_config());
    const uint32_t first = ftun_endpoint_flow(endpoint, now, application_at(1), &actions);
    assert_string_equal(happened(), "open | " SYN);
    const uint32_t second = ftun_endpoint_flow(endpoint, now, application_at(2), &actions);
    assert_string_equal(happened(), "open | " SYN);
    send_datagrams(first, 17 * 10, 10);
    assert_int_equal(refused(FTUN_REFUSED_PENDING_FULL), 1); /* 16 a flow */
    send_datagrams(second, 5 * 10, 10);
    assert_int_equal(refused(FTUN_REFUSED_PENDING_FULL), 2); /* 20 in all */
    give(the_server(), FTUN_SYN | FTUN_ACK, 5000, own_isn + 1, "");
    assert_string_equal(happened(), "> . 1:1(0) ack 5001 win 63 | "
                                    "established flow 1 profile linux mss 1460 | "
                                    "> P. 1:11(10) ack 5001 win 63 | "
                                    "> P. 11:21(10) ack 5001 win 63 | "
                                    "> P. 21:31(10) ack 5001 win 63 | "
                                    "> P. 31:41(10) ack 5001 win 63");
}

static void the_flow_limit_refuses_the_newest(void **state)
{
    (void)state;
    create(client_config());
    for (uint16_t i = 1; i <= 4; i++)
        assert_int_not_equal(ftun_endpoint_flow(endpoint, now, application_at(i), &actions),
                             FTUN_NO_FLOW);
    assert_int_equal(ftun_endpoint_flow(endpoint, now, application_at(5), &actions), FTUN_NO_FLOW);
    assert_int_equal(refused(FTUN_REFUSED_FLOW_LIMIT), 1);
    assert_int_equal(actions.count, 0);
}

static void a_flow_without_a_path_to_the_server_is_refused(void **state)
{
    (void)state;
    struct ftun_endpoint_config c = client_config();
    c.path.local = (struct ftun_address){0};
    create(c);
    assert_int_equal(ftun_endpoint_flow(endpoint, now, application_at(1), &actions), FTUN_NO_FLOW);
    assert_int_equal(refused(FTUN_REFUSED_FAMILY_UNAVAILABLE), 1);
}

static void the_handshake_packet_goes_first(void **state)
{
    (void)state;
    struct ftun_endpoint_config c = client_config();
    c.handshake_packet = (const uint8_t *)"GET /";
    c.handshake_packet_len = 5;
    const uint32_t flow = dialing_client_of(c);
    send_datagrams(flow, 10, 10);
    give(the_server(), FTUN_SYN | FTUN_ACK, 5000, own_isn + 1, "");
    assert_string_equal(happened(), "> . 1:1(0) ack 5001 win 63 | "
                                    "established flow 0 profile linux mss 1460 | "
                                    "> P. 1:6(5) ack 5001 win 63 | "
                                    "> P. 6:16(10) ack 5001 win 63");
}

static void datagrams_wait_for_no_window_but_are_refused(void **state)
{
    (void)state;
    const uint32_t flow = dialing_client_of(client_config());
    give(the_server(), FTUN_SYN | FTUN_ACK, 5000, own_isn + 1, ""); /* a window of 65535 */
    happened();
    send_datagrams(flow, 65000, 1000);
    happened();
    assert_int_equal(send_datagrams(flow, 3000, 100), 3000);
    assert_string_equal(happened(), "> P. 65001:65501(5x100) ack 5001 win 63");
    assert_int_equal(refused(FTUN_REFUSED_WINDOW_FULL), 25);
}

/* A SYN-ACK with another MSS than give() names. */
static void give_syn_ack_with_mss(uint16_t mss)
{
    const uint8_t option[] = {2, 4, (uint8_t)(mss >> 8), (uint8_t)mss};
    give_options(the_server(), FTUN_SYN | FTUN_ACK, 5000, own_isn + 1, option, sizeof option);
}

static void what_waited_and_is_too_large_for_the_servers_mss_is_refused(void **state)
{
    (void)state;
    const uint32_t flow = dialing_client_of(client_config());
    send_datagrams(flow, 1460 + 1200, 1460);
    give_syn_ack_with_mss(1200);
    assert_string_equal(happened(), "> . 1:1(0) ack 5001 win 64240 | "
                                    "established flow 0 profile linux mss 1200 | "
                                    "> P. 1:1201(1200) ack 5001 win 64240");
    assert_int_equal(refused(FTUN_REFUSED_DATAGRAM_TOO_LARGE), 1);
}

static void a_handshake_packet_larger_than_the_servers_mss_is_left_out(void **state)
{
    (void)state;
    static const uint8_t large[1201];
    struct ftun_endpoint_config c = client_config();
    c.handshake_packet = large;
    c.handshake_packet_len = sizeof large;
    dialing_client_of(c);
    give_syn_ack_with_mss(1200);
    assert_string_equal(happened(), "> . 1:1(0) ack 5001 win 64240 | "
                                    "established flow 0 profile linux mss 1200");
}

static void a_full_window_refuses_whole_bursts(void **state)
{
    (void)state;
    const uint32_t flow = dialing_client_of(client_config());
    give(the_server(), FTUN_SYN | FTUN_ACK, 5000, own_isn + 1, ""); /* a window of 65535 */
    send_datagrams(flow, 65000, 1000);
    assert_int_equal(send_datagrams(flow, 3000, 1000), 3000);
    assert_string_equal(happened(), "");
    assert_int_equal(refused(FTUN_REFUSED_WINDOW_FULL), 3);
    assert_int_equal(ftun_endpoint_counters(endpoint)->datagrams_sent, 65);
}

static void a_client_without_a_free_port_says_so_and_keeps_its_flows(void **state)
{
    (void)state;
    client_of_all_ports(client_config());
    const uint32_t flows = ftun_endpoint_flow_count(endpoint);
    const uint64_t refused_before = refused(FTUN_REFUSED_PORTS_EXHAUSTED);
    assert_int_equal(ftun_endpoint_flow(endpoint, now, application_at(UINT16_MAX), &actions),
                     FTUN_NO_FLOW);
    assert_string_equal(happened(), "");
    assert_int_equal(refused(FTUN_REFUSED_PORTS_EXHAUSTED), refused_before + 1);
    assert_int_equal(ftun_endpoint_flow_count(endpoint), flows);
    assert_int_equal(ftun_endpoint_counters(endpoint)->flows_opened, flows);
    for (uint16_t i = 1; i <= flows; i++)
        assert_int_equal(ftun_endpoint_flow(endpoint, now, application_at(i), &actions), i - 1);
}

/* A port is taken towards one address of the server only. */
static void where_ports_towards_one_address_are_taken_a_flow_goes_to_the_next(void **state)
{
    (void)state;
    client_of_all_ports(client_config());
    const struct ftun_path both[] = {config.path, path_to(at(ipv4(10, 0, 0, 9), 1))};
    ftun_endpoint_set_paths(endpoint, both, 2);
    assert_int_not_equal(ftun_endpoint_flow(endpoint, now, application_at(UINT16_MAX), &actions),
                         FTUN_NO_FLOW);
    assert_true(
        ftun_socket_address_equal(&actions.at[1].send.segment.tuple.remote, &both[1].remote));
}

static void ports_are_those_of_the_range_that_is_given(void **state)
{
    (void)state;
    struct ftun_endpoint_config c = client_config();
    c.ports = (struct ftun_port_range){40001, 40064};
    c.max_flows = FTUN_PORT_CLASSES;
    create(c);
    for (uint16_t i = 1; ftun_endpoint_flow(endpoint, now, application_at(i), &actions) < 10; i++) {
        happened();
        assert_in_range(own_port, 40001, 40064);
    }
}

static void deadlines_of_many_flows_are_met_in_several_calls(void **state)
{
    (void)state;
    struct ftun_endpoint_config c = client_config();
    c.max_flows = 200;
    create(c);
    for (uint16_t i = 1; i <= 200; i++)
        ftun_endpoint_flow(endpoint, now, application_at(i), &actions);
    now += FTUN_RETRANSMIT_TIMEOUT;
    size_t sent = 0;
    while (ftun_endpoint_deadline(endpoint) <= now) {
        ftun_endpoint_timeout(endpoint, now, &actions);
        assert_in_range(actions.count, 1, FTUN_ACTIONS_MAX);
        sent += actions.count;
    }
    assert_int_equal(sent, 200);
    assert_int_equal(ftun_endpoint_deadline(endpoint), now + FTUN_RETRANSMIT_TIMEOUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_datagram_opens_a_flow_and_waits_for_it),
        cmocka_unit_test(a_flow_is_found_again_by_its_application),
        cmocka_unit_test(a_syn_goes_out_as_the_plan_says),
        cmocka_unit_test(a_burst_leaves_as_one_super_segment),
        cmocka_unit_test(without_offload_each_datagram_is_a_segment),
        cmocka_unit_test(more_datagrams_than_actions_are_taken_in_several_calls),
        cmocka_unit_test(a_burst_beyond_one_packet_leaves_in_two),
        cmocka_unit_test(F22_a_datagram_larger_than_a_segment_is_refused_and_counted),
        cmocka_unit_test(F22_an_oversize_datagram_is_told_apart_during_the_handshake_too),
        cmocka_unit_test(F25_an_empty_datagram_is_refused_and_counted),
        cmocka_unit_test(F15_handshakes_are_independent_and_their_queues_bounded),
        cmocka_unit_test(the_flow_limit_refuses_the_newest),
        cmocka_unit_test(a_flow_without_a_path_to_the_server_is_refused),
        cmocka_unit_test(the_handshake_packet_goes_first),
        cmocka_unit_test(datagrams_wait_for_no_window_but_are_refused),
        cmocka_unit_test(what_waited_and_is_too_large_for_the_servers_mss_is_refused),
        cmocka_unit_test(a_handshake_packet_larger_than_the_servers_mss_is_left_out),
        cmocka_unit_test(a_full_window_refuses_whole_bursts),
        cmocka_unit_test(a_client_without_a_free_port_says_so_and_keeps_its_flows),
        cmocka_unit_test(where_ports_towards_one_address_are_taken_a_flow_goes_to_the_next),
        cmocka_unit_test(ports_are_those_of_the_range_that_is_given),
        cmocka_unit_test(deadlines_of_many_flows_are_met_in_several_calls),
    };
    return cmocka_run_group_tests(tests, NULL, endpoint_tear_down);
}
