/* A second connection is tried beside one that is doubtful: who answers first has the flow. */
#include "endpoint_fixture.h"

/* A connection as the peer sees it. */
struct seen {
    struct peer peer;
    uint32_t isn;
};

static struct seen last_syn(void)
{
    return (struct seen){the_server(), own_isn};
}

static void answer(struct seen connection)
{
    give(connection.peer, FTUN_SYN | FTUN_ACK, 5000, connection.isn + 1, "");
}

static struct seen established_of(struct ftun_endpoint_config c)
{
    dialing_client_of(c);
    const struct seen first = last_syn();
    answer(first);
    happened();
    return first;
}

/* Time passes; what happened at the end of it. */
static const char *wait_until(uint64_t at)
{
    const char *text = "";
    while (ftun_endpoint_deadline(endpoint) <= at)
        text = meet_deadline();
    now = at;
    return text;
}

/* Flow 0 has asked, and nothing was heard until another connection was tried. */
static struct seen rival_of_silent_flow(void)
{
    send_datagrams(0, 10, 10);
    happened();
    const char *const text = wait_until(now + FTUN_DOUBT_AFTER);
    assert_string_equal(text, "reconnect flow 0 attempt 0: still open | " SYN);
    return last_syn();
}

/* F11, F19: traffic is back before the old connection is given up. */
static void F11_a_doubtful_connection_gets_a_rival_and_yields_to_it(void **state)
{
    (void)state;
    const struct seen first = established_of(watchful_config());
    const struct seen second = rival_of_silent_flow();
    assert_int_not_equal(second.peer.to.port, first.peer.to.port);
    send_datagrams(0, 10, 10); /* meanwhile the old one is used */
    assert_int_equal(actions.at[0].send.segment.tuple.local.port, first.peer.to.port);
    happened();
    answer(second);
    own_isn = second.isn;
    assert_string_equal(happened(), "> . 1:1(0) ack 5001 win 63 | "
                                    "established flow 0 profile linux mss 1460");
    send_datagrams(0, 10, 10);
    assert_int_equal(actions.at[0].send.segment.tuple.local.port, second.peer.to.port);
    assert_string_equal(happened(), "> P. 1:11(10) ack 5001 win 63");
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 1);
    assert_int_equal(ftun_endpoint_counters(endpoint)->flows_opened, 1);
}

static void a_connection_that_answers_after_all_keeps_its_flow(void **state)
{
    (void)state;
    const struct seen first = established_of(watchful_config());
    const struct seen second = rival_of_silent_flow();
    give(first.peer, FTUN_ACK, 5001, first.isn + 11, "");
    happened();
    answer(second);
    own_isn = second.isn;
    assert_string_equal(happened(), "> . 1:1(0) ack 5001 win 63 | > F. 1:1(0) ack 5001 win 63");
    send_datagrams(0, 10, 10);
    assert_int_equal(actions.at[0].send.segment.tuple.local.port, first.peer.to.port);
}

static void a_rival_that_is_not_needed_any_more_goes_silently(void **state)
{
    (void)state;
    const struct seen first = established_of(watchful_config());
    rival_of_silent_flow();
    give(first.peer, FTUN_ACK, 5001, first.isn + 11, "");
    happened();
    assert_string_equal(wait_until(now + FTUN_RETRANSMIT_TIMEOUT), "");
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 1);
}

static void a_dead_connection_leaves_its_flow_to_the_rival_that_dials(void **state)
{
    (void)state;
    established_of(watchful_config());
    rival_of_silent_flow();
    wait_until(now + FTUN_DEAD_AFTER_DEFAULT - FTUN_DOUBT_AFTER);
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 1);
    send_datagrams(0, 10, 10);
    assert_string_equal(happened(), ""); /* it waits */
    wait_until(now + 2 * FTUN_SECOND);
    answer(last_syn());
    assert_non_null(strstr(happened(), "> P. 1:11(10) ack 5001 win 63"));
}

static void a_reset_leaves_the_flow_to_the_rival(void **state)
{
    (void)state;
    const struct seen first = established_of(watchful_config());
    const struct seen second = rival_of_silent_flow();
    give(first.peer, FTUN_RST, 5001, 0, "");
    assert_string_equal(happened(), "reconnect flow 0 attempt 1: reset by the peer");
    answer(second);
    assert_non_null(strstr(happened(), "established flow 0"));
}

static void rivals_follow_each_other(void **state)
{
    (void)state;
    struct ftun_endpoint_config c = watchful_config();
    c.timeouts.dead_after_ns = 60 * FTUN_SECOND;
    established_of(c);
    const struct seen second = rival_of_silent_flow();
    wait_until(now + (FTUN_SYN_RETRIES + 3) * FTUN_SECOND);
    assert_int_not_equal(last_syn().peer.to.port, second.peer.to.port);
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 2);
}

static void a_closed_flow_takes_its_rival_along(void **state)
{
    (void)state;
    established_of(watchful_config());
    rival_of_silent_flow();
    ftun_endpoint_close(endpoint, now, 0, &actions);
    happened();
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 1); /* its FIN */
}

static void without_a_free_slot_there_is_no_rival(void **state)
{
    (void)state;
    struct ftun_endpoint_config c = watchful_config();
    c.max_flows = 1;
    established_of(c);
    send_datagrams(0, 10, 10);
    happened();
    wait_until(now + FTUN_DEAD_AFTER_DEFAULT - 1);
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 1);
    assert_string_equal(wait_until(now + 1),
                        "reconnect flow 0 attempt 1: no answer any more: the path or the peer is "
                        "dead | " SYN);
}

static void phantun_is_not_doubted(void **state)
{
    (void)state;
    struct ftun_endpoint_config c = watchful_config();
    c.peer = FTUN_PEER_PHANTUN;
    established_of(c);
    give(the_server(), FTUN_ACK, 5001, 1, "data");
    happened();
    send_datagrams(0, 10, 10);
    happened();
    assert_string_equal(wait_until(now + FTUN_DEAD_AFTER_DEFAULT - 1), "");
}

/* RFC 8305 5: the next address is tried while the first one has not answered. */
static void F15_a_second_address_is_tried_beside_the_first(void **state)
{
    (void)state;
    create(client_config());
    const struct ftun_path both[] = {path_to(at(ipv4(10, 0, 0, 8), 1)),
                                     path_to(at(ipv4(10, 0, 0, 9), 1))};
    ftun_endpoint_set_paths(endpoint, both, 2);
    const uint32_t flow = ftun_endpoint_flow(endpoint, now, application_at(1), &actions);
    send_datagrams(flow, 10, 10);
    happened();
    assert_string_equal(wait_until(now + FTUN_ATTEMPT_DELAY),
                        "reconnect flow 0 attempt 0: still open | " SYN);
    struct seen second = last_syn();
    second.peer.address = both[1].remote;
    answer(second);
    own_isn = second.isn;
    assert_string_equal(happened(), "> . 1:1(0) ack 5001 win 63 | "
                                    "established flow 0 profile linux mss 1460 | "
                                    "> P. 1:11(10) ack 5001 win 63");
    ftun_endpoint_flow(endpoint, now, application_at(2), &actions); /* begins with the second */
    assert_true(
        ftun_socket_address_equal(&actions.at[1].send.segment.tuple.remote, &both[1].remote));
}

static void one_address_alone_gets_no_second_try_so_soon(void **state)
{
    (void)state;
    dialing_client_of(client_config());
    assert_string_equal(wait_until(now + FTUN_RETRANSMIT_TIMEOUT - 1), "");
}

static void the_record_of_a_rival_that_took_over_is_repeated(void **state)
{
    (void)state;
    struct ftun_endpoint_config c = watchful_config();
    c.resumption = true;
    established_of(c);
    wait_until(now + FTUN_DOUBT_AFTER); /* the record of the first has no answer */
    const struct seen rival = last_syn();
    answer(rival);
    happened();
    assert_true(ftun_endpoint_deadline(endpoint) <= now + FTUN_RETRANSMIT_TIMEOUT);
    assert_true(ftun_endpoint_valid(endpoint));
}

static void without_a_free_port_there_is_no_rival(void **state)
{
    (void)state;
    client_of_all_ports(watchful_config());
    const uint32_t flows = ftun_endpoint_flow_count(endpoint);
    answer(last_syn());
    happened();
    send_datagrams(flows - 1, 10, 10);
    happened();
    const uint64_t doubtful_at = now + FTUN_DOUBT_AFTER;
    while (ftun_endpoint_deadline(endpoint) <= doubtful_at)
        assert_null(strstr(meet_deadline(), "reconnect"));
    assert_int_equal(ftun_endpoint_flow_count(endpoint), flows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(F11_a_doubtful_connection_gets_a_rival_and_yields_to_it),
        cmocka_unit_test(a_connection_that_answers_after_all_keeps_its_flow),
        cmocka_unit_test(a_rival_that_is_not_needed_any_more_goes_silently),
        cmocka_unit_test(a_dead_connection_leaves_its_flow_to_the_rival_that_dials),
        cmocka_unit_test(a_reset_leaves_the_flow_to_the_rival),
        cmocka_unit_test(rivals_follow_each_other),
        cmocka_unit_test(a_closed_flow_takes_its_rival_along),
        cmocka_unit_test(without_a_free_slot_there_is_no_rival),
        cmocka_unit_test(without_a_free_port_there_is_no_rival),
        cmocka_unit_test(phantun_is_not_doubted),
        cmocka_unit_test(F15_a_second_address_is_tried_beside_the_first),
        cmocka_unit_test(one_address_alone_gets_no_second_try_so_soon),
        cmocka_unit_test(the_record_of_a_rival_that_took_over_is_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, endpoint_tear_down);
}
