/* A server: handshakes without state, and the flows that come of them. */
#include "endpoint_fixture.h"

#define SYN_ACK "> S. 0:0(0) ack 101 win 64240 <mss 1460,nop,wscale 10>"

static void a_syn_is_answered_and_nothing_kept(void **state)
{
    (void)state;
    create(server_config());
    give(a_client(1), FTUN_SYN, 100, 0, "");
    assert_string_equal(happened(), SYN_ACK);
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 0);
}

static void the_third_packet_opens_the_flow(void **state)
{
    (void)state;
    create(server_config());
    established_server(1);
    assert_string_equal(happened(), "open | established flow 0 profile linux mss 1460");
    give(a_client(1), FTUN_ACK | FTUN_PSH, 101, own_isn + 1, "ping");
    assert_string_equal(happened(), "deliver flow 0 bytes 4 stride 4");
    assert_int_equal(send_datagrams(0, 4, 4), 4);
    assert_string_equal(happened(), "> P. 1:5(4) ack 105 win 63");
}

static void data_completes_the_handshake_when_the_third_packet_is_lost(void **state)
{
    (void)state;
    create(server_config());
    give(a_client(1), FTUN_SYN, 100, 0, "");
    happened();
    give(a_client(1), FTUN_ACK | FTUN_PSH, 1101, own_isn + 1, "ping");
    assert_string_equal(happened(), "open | established flow 0 profile linux mss 1460 | "
                                    "deliver flow 0 bytes 4 stride 4");
    assert_int_equal(refused(FTUN_REFUSED_SEQUENCE_OUTSIDE_WINDOW), 0);
}

/* F07: a SYN flood costs no memory. */
static void F07_spoofed_syns_leave_no_flow_behind(void **state)
{
    (void)state;
    create(server_config());
    for (uint16_t port = 1; port < 10000; port++)
        give(a_client(port), FTUN_SYN, 100, 0, "");
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 0);
    established_server(20000);
    assert_string_equal(happened(), "open | established flow 0 profile linux mss 1460");
}

static void F07_a_guessed_cookie_opens_nothing(void **state)
{
    (void)state;
    create(server_config());
    give(a_client(1), FTUN_SYN, 100, 0, "");
    happened();
    give(a_client(1), FTUN_ACK, 101, own_isn + 2, "");
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 0);
    give(a_client(2), FTUN_ACK, 101, own_isn + 1, ""); /* another client's */
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 0);
}

static void a_cookie_is_good_for_one_epoch_and_some(void **state)
{
    (void)state;
    create(server_config());
    give(a_client(1), FTUN_SYN, 100, 0, "");
    happened();
    now += 2 * UINT64_C(64) * FTUN_SECOND;
    give(a_client(1), FTUN_ACK, 101, own_isn + 1, "");
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 0);
    give(a_client(1), FTUN_SYN, 100, 0, "");
    happened();
    now += UINT64_C(64) * FTUN_SECOND;
    give(a_client(1), FTUN_ACK, 101, own_isn + 1, "");
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 1);
}

static void F04_a_repeated_syn_of_a_live_tuple_is_ordinary(void **state)
{
    (void)state;
    create(server_config());
    give(a_client(1), FTUN_SYN, 100, 0, "");
    assert_string_equal(happened(), SYN_ACK);
    give(a_client(1), FTUN_SYN, 100, 0, "");
    assert_string_equal(happened(), SYN_ACK);
    give(a_client(1), FTUN_ACK, 101, own_isn + 1, "");
    happened();
    give(a_client(1), FTUN_SYN, 100, 0, "");
    assert_string_equal(happened(), "> . 1:1(0) ack 101 win 63");
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 1);
}

static void a_full_server_refuses_the_newest(void **state)
{
    (void)state;
    create(server_config());
    give(a_client(5), FTUN_SYN, 100, 0, "");
    happened();
    const uint32_t isn_for_5 = own_isn;
    for (uint16_t port = 1; port <= 4; port++)
        established_server(port);
    happened();
    give(a_client(5), FTUN_ACK, 101, isn_for_5 + 1, ""); /* the last place went while it knocked */
    own_isn = isn_for_5;
    assert_string_equal(happened(), "> R 1:1(0) win 0");
    give(a_client(6), FTUN_SYN, 100, 0, ""); /* a kernel's full backlog: it may try again */
    assert_string_equal(happened(), "");
    assert_int_equal(refused(FTUN_REFUSED_FLOW_LIMIT), 2);
}

/* Every segment of a client that was never answered carries what completes a handshake. */
static void a_late_duplicate_after_the_close_opens_no_new_flow(void **state)
{
    (void)state;
    create(server_config());
    established_server(1);
    give(a_client(1), FTUN_ACK | FTUN_PSH, 101, own_isn + 1, "data");
    give(a_client(1), FTUN_FIN | FTUN_ACK, 105, own_isn + 1, "");
    give(a_client(1), FTUN_ACK, 106, own_isn + 2, "");
    happened();
    give(a_client(1), FTUN_ACK | FTUN_PSH, 101, own_isn + 1, "data");
    assert_string_equal(happened(), "");
    assert_int_equal(refused(FTUN_REFUSED_DATA_AFTER_CLOSE), 1);
    assert_int_equal(ftun_endpoint_counters(endpoint)->flows_opened, 1);
}

static void a_super_packet_is_delivered_with_its_stride(void **state)
{
    (void)state;
    create(server_config());
    established_server(1);
    happened();
    give_glued(a_client(1), FTUN_ACK | FTUN_PSH, 101, own_isn + 1, "aaaabbbbcc", 4);
    assert_string_equal(happened(), "deliver flow 0 bytes 10 stride 4");
    assert_int_equal(ftun_endpoint_counters(endpoint)->datagrams_delivered, 3);
    assert_int_equal(ftun_endpoint_counters(endpoint)->bytes_delivered, 10);
    assert_int_equal(ftun_endpoint_counters(endpoint)->segments_received, 1 + 1 + 3); /* SYN, ACK */
    assert_false(ftun_endpoint_end_turn(endpoint, now, &actions));
    assert_string_equal(happened(), "> . 1:1(0) ack 111 win 63");
}

/* Each SYN is answered from its cookie alone, so either may be the one whose answer arrives. */
static void F04_two_syns_of_one_tuple_make_one_flow(void **state)
{
    (void)state;
    create(server_config());
    give(a_client(1), FTUN_SYN, 100, 0, "");
    assert_string_equal(happened(), SYN_ACK);
    give(a_client(1), FTUN_SYN, 900, 0, "");
    assert_string_equal(happened(), "> S. 0:0(0) ack 901 win 64240 <mss 1460,nop,wscale 10>");
    give(a_client(1), FTUN_ACK, 101, own_isn + 1, "");
    give(a_client(1), FTUN_ACK | FTUN_PSH, 901, own_isn + 1, "ping");
    assert_string_equal(happened(), "deliver flow 0 bytes 4 stride 4");
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 1);
}

static void F08_only_the_exact_rst_closes_a_flow(void **state)
{
    (void)state;
    create(server_config());
    established_server(1);
    give(a_client(1), FTUN_RST, 100, 0, "");
    assert_string_equal(happened(), "> . 1:1(0) ack 101 win 63");
    assert_int_equal(refused(FTUN_REFUSED_RST_INEXACT), 1);
    give(a_client(1), FTUN_RST, 101 + FTUN_WINDOW_MAX, 0, "");
    assert_string_equal(happened(), "");
    assert_int_equal(refused(FTUN_REFUSED_SEQUENCE_OUTSIDE_WINDOW), 1);
    give(a_client(1), FTUN_RST, 101, 0, "");
    assert_string_equal(happened(), "close flow 0: reset by the peer");
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 0);
}

static void the_smaller_mss_of_both_ends_counts(void **state)
{
    (void)state;
    static const struct {
        uint16_t mtu, mss;
    } rows[] = {{9000, 1460}, {1500, 1460}, {1400, 1360}}; /* the client's is 1460 */
    for (size_t i = 0; i < LENGTH(rows); i++) {
        struct ftun_endpoint_config c = server_config();
        c.mtu = rows[i].mtu;
        create(c);
        established_server(1);
        assert_int_equal(actions.at[1].kind, FTUN_ACTION_ESTABLISHED);
        assert_int_equal(actions.at[1].established.mss, rows[i].mss);
    }
}

static void a_segment_size_beyond_the_payload_is_one_datagram(void **state)
{
    (void)state;
    create(server_config());
    established_server(1);
    give_glued(a_client(1), FTUN_ACK | FTUN_PSH, 101, own_isn + 1, "ping", 1400);
    assert_string_equal(happened(), "deliver flow 0 bytes 4 stride 4");
}

static void acks_of_many_flows_leave_in_several_calls(void **state)
{
    (void)state;
    struct ftun_endpoint_config c = server_config();
    c.max_flows = FTUN_ACTIONS_MAX + 1;
    create(c);
    for (uint16_t port = 1; port <= FTUN_ACTIONS_MAX + 1; port++) {
        established_server(port);
        give(a_client(port), FTUN_ACK | FTUN_PSH, 101, own_isn + 1, "ping");
    }
    assert_true(ftun_endpoint_end_turn(endpoint, now, &actions));
    assert_int_equal(actions.count, FTUN_ACTIONS_MAX);
    assert_false(ftun_endpoint_end_turn(endpoint, now, &actions));
    assert_int_equal(actions.count, 1);
    assert_false(ftun_endpoint_end_turn(endpoint, now, &actions));
    assert_int_equal(actions.count, 0);
}

static void a_flow_that_was_reset_in_a_turn_sends_no_ack_at_its_end(void **state)
{
    (void)state;
    create(server_config());
    established_server(1);
    give(a_client(1), FTUN_ACK | FTUN_PSH, 101, own_isn + 1, "ping");
    give(a_client(1), FTUN_RST, 105, 0, "");
    assert_false(ftun_endpoint_end_turn(endpoint, now, &actions));
    assert_string_equal(happened(), "");
}

static void a_glued_packet_is_acknowledged_as_the_segments_that_it_was(void **state)
{
    (void)state;
    create(server_config());
    established_server(1);
    give(a_client(1), FTUN_ACK | FTUN_PSH, 101, own_isn + 1, "ping");
    send_datagrams(0, 4, 4); /* an answer: from now on a lone segment's ACK is delayed */
    happened();
    give(a_client(1), FTUN_ACK | FTUN_PSH, 105, own_isn + 5, "ping");
    assert_false(ftun_endpoint_end_turn(endpoint, now, &actions));
    assert_string_equal(happened(), "");
    send_datagrams(0, 4, 4);
    give_glued(a_client(1), FTUN_ACK | FTUN_PSH, 109, own_isn + 9, "pingpong", 4);
    assert_false(ftun_endpoint_end_turn(endpoint, now, &actions));
    assert_string_equal(happened(), "> . 9:9(0) ack 117 win 63");
}

/* A full segment carries 1448 bytes then, and a window is a multiple of that. */
static void timestamps_are_agreed_to_when_they_are_offered(void **state)
{
    (void)state;
    static const uint8_t offer[] = {2, 4, 0x05, 0xb4, 1, 1, 8, 10, 0, 0, 0, 7, 0, 0, 0, 0};
    create(server_config());
    give_options(a_client(1), FTUN_SYN, 100, 0, offer, sizeof offer);
    const struct ftun_tcp_header *tcp = &actions.at[0].send.segment.tcp;
    struct ftun_tcp_options answer;
    ftun_tcp_options_parse(tcp->options, tcp->options_len, &answer);
    assert_true(answer.has_timestamps);
    assert_int_equal(answer.timestamp_echo, 7);
    assert_int_equal(tcp->window, 65160);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_syn_is_answered_and_nothing_kept),
        cmocka_unit_test(timestamps_are_agreed_to_when_they_are_offered),
        cmocka_unit_test(the_third_packet_opens_the_flow),
        cmocka_unit_test(data_completes_the_handshake_when_the_third_packet_is_lost),
        cmocka_unit_test(F07_spoofed_syns_leave_no_flow_behind),
        cmocka_unit_test(F07_a_guessed_cookie_opens_nothing),
        cmocka_unit_test(a_cookie_is_good_for_one_epoch_and_some),
        cmocka_unit_test(F04_a_repeated_syn_of_a_live_tuple_is_ordinary),
        cmocka_unit_test(a_full_server_refuses_the_newest),
        cmocka_unit_test(a_late_duplicate_after_the_close_opens_no_new_flow),
        cmocka_unit_test(a_super_packet_is_delivered_with_its_stride),
        cmocka_unit_test(F04_two_syns_of_one_tuple_make_one_flow),
        cmocka_unit_test(F08_only_the_exact_rst_closes_a_flow),
        cmocka_unit_test(the_smaller_mss_of_both_ends_counts),
        cmocka_unit_test(a_segment_size_beyond_the_payload_is_one_datagram),
        cmocka_unit_test(acks_of_many_flows_leave_in_several_calls),
        cmocka_unit_test(a_flow_that_was_reset_in_a_turn_sends_no_ack_at_its_end),
        cmocka_unit_test(a_glued_packet_is_acknowledged_as_the_segments_that_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, endpoint_tear_down);
}
