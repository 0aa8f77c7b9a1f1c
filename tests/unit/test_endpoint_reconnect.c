/* A client's flow outlives its connections. */
#include "endpoint_fixture.h"

#define FIRST_DATA "> P. 1:11(10) ack 5001 win 63"

static void answer_syn(void)
{
    give(the_server(), FTUN_SYN | FTUN_ACK, 5000, own_isn + 1, "");
}

static void a_reset_flow_goes_on_from_a_new_port_at_once(void **state)
{
    (void)state;
    const uint32_t flow = established_client();
    const uint16_t first_port = own_port;
    give(the_server(), FTUN_RST, 5001, 0, "");
    assert_string_equal(happened(), "reconnect flow 0 attempt 1: reset by the peer | " SYN);
    assert_int_not_equal(own_port, first_port);
    assert_int_equal(ftun_endpoint_flow(endpoint, now, application_at(1), &actions), flow);
    assert_int_equal(ftun_endpoint_counters(endpoint)->flows_closed, 0);
}

static void datagrams_wait_for_the_new_connection(void **state)
{
    (void)state;
    const uint32_t flow = established_client();
    give(the_server(), FTUN_RST, 5001, 0, "");
    happened();
    send_datagrams(flow, 10, 10);
    assert_string_equal(happened(), "");
    answer_syn();
    assert_string_equal(happened(), "> . 1:1(0) ack 5001 win 63 | "
                                    "established flow 0 profile linux mss 1460 | " FIRST_DATA);
}

static void the_old_port_is_a_strangers_now(void **state)
{
    (void)state;
    established_client();
    const struct peer old = the_server();
    give(old, FTUN_RST, 5001, 0, "");
    happened();
    give(old, FTUN_ACK, 5001, 1, "late");
    assert_int_equal(refused(FTUN_REFUSED_NOT_OURS_FLOW), 1);
}

static void a_flow_without_answer_dials_from_port_after_port(void **state)
{
    (void)state;
    const uint32_t flow = dialing_client_of(client_config());
    send_datagrams(flow, 10, 10);
    for (unsigned round = 0; round < 3; round++) {
        const uint16_t port = own_port;
        const char *text = wait_for_event();
        uint64_t asked_at = now;
        for (; strcmp(text, SYN) == 0; text = wait_for_event()) {
            assert_int_equal(own_port, port);
            asked_at = now;
        }
        assert_non_null(strstr(text, "no answer to the handshake"));
        if (strstr(text, "> S") == NULL) /* after a pause */
            assert_string_equal(wait_for_event(), SYN);
        assert_int_not_equal(own_port, port);
        assert_in_range(now - asked_at, FTUN_SECOND, 3 * FTUN_SECOND);
    }
    answer_syn();
    assert_non_null(strstr(happened(), FIRST_DATA));
}

static void a_silent_flow_is_given_up_after_the_idle_timeout(void **state)
{
    (void)state;
    const uint32_t flow = dialing_client_of(client_config());
    send_datagrams(flow, 10, 10);
    const uint64_t last_datagram = now;
    while (ftun_endpoint_flow_count(endpoint) > 0)
        wait_for_event();
    assert_int_equal(now, last_datagram + FTUN_IDLE_TIMEOUT_DEFAULT);
    assert_int_equal(ftun_endpoint_counters(endpoint)->flows_closed, 1);
    assert_int_equal(ftun_endpoint_deadline(endpoint), FTUN_NEVER);
}

static void datagrams_keep_a_dialing_flow(void **state)
{
    (void)state;
    const uint32_t flow = dialing_client_of(client_config());
    while (now < start + 3 * FTUN_IDLE_TIMEOUT_DEFAULT) {
        send_datagrams(flow, 10, 10);
        wait_for_event();
    }
    assert_int_equal(ftun_endpoint_counters(endpoint)->flows_closed, 0);
}

/* F17: ISPs take a client that redials for each datagram for a SYN flood. */
static void F17_a_server_that_refuses_is_asked_ever_more_rarely(void **state)
{
    (void)state;
    struct ftun_endpoint_config c = client_config();
    c.peer = FTUN_PEER_FTUN;
    dialing_client_of(c);
    const uint64_t pauses[] = {0, 100, 200, 400, 800, 1000, 1000};
    for (size_t i = 0; i < LENGTH(pauses); i++) {
        const uint64_t refused_at = now;
        give(the_server(), FTUN_RST | FTUN_ACK, 0, own_isn + 1, "");
        const char *text = happened();
        assert_non_null(strstr(text, "refused by the peer"));
        if (i > 0) {
            assert_null(strstr(text, "> S"));
            text = wait_for_event();
        }
        assert_non_null(strstr(text, SYN));
        assert_in_range(now - refused_at, pauses[i] * FTUN_MILLISECOND,
                        pauses[i] * FTUN_MILLISECOND * 3 / 2);
    }
}

/* A flow that nobody uses, whose connection is refused time and again. */
static void refused_until(uint64_t at)
{
    while (now < at) {
        give(the_server(), FTUN_RST | FTUN_ACK, 0, own_isn + 1, "");
        if (strstr(happened(), "> S") == NULL)
            wait_for_event();
    }
}

static struct ftun_endpoint_config refused_config(void)
{
    struct ftun_endpoint_config c = client_config();
    c.peer = FTUN_PEER_FTUN;
    return c;
}

static void F17_a_flow_that_nobody_uses_is_dialed_rarely(void **state)
{
    (void)state;
    dialing_client_of(refused_config());
    refused_until(now + FTUN_QUIET_AFTER);
    for (unsigned i = 0; i < 5; i++) {
        const uint64_t refused_at = now;
        refused_until(now + 1);
        assert_in_range(now - refused_at, FTUN_REDIAL_QUIET, FTUN_REDIAL_QUIET * 3 / 2);
    }
}

static void F17_a_flow_that_is_used_again_is_dialed_at_once(void **state)
{
    (void)state;
    const uint32_t flow = dialing_client_of(refused_config());
    refused_until(now + FTUN_QUIET_AFTER);
    give(the_server(), FTUN_RST | FTUN_ACK, 0, own_isn + 1, "");
    happened();
    const uint64_t spoken_at = ++now;
    send_datagrams(flow, 10, 10);
    assert_string_equal(wait_for_event(), SYN);
    assert_int_equal(now, spoken_at);
    refused_until(now + 1); /* and from then on as any that is used */
    assert_in_range(now - spoken_at, FTUN_REDIAL_FIRST, FTUN_REDIAL_LAST * 3 / 2);
    give(the_server(), FTUN_RST | FTUN_ACK, 0, own_isn + 1, "");
    const uint64_t refused_at = now;
    happened();
    send_datagrams(flow, 10, 10); /* which hurries nothing */
    wait_for_event();
    assert_in_range(now - refused_at, FTUN_REDIAL_LAST, FTUN_REDIAL_LAST * 3 / 2);
}

static void F19_a_changed_path_is_tried_at_once(void **state)
{
    (void)state;
    dialing_client_of(refused_config());
    refused_until(now + FTUN_QUIET_AFTER);
    give(the_server(), FTUN_RST | FTUN_ACK, 0, own_isn + 1, "");
    happened();
    const uint64_t changed_at = ++now;
    ftun_endpoint_path_changed(endpoint, now, config.mtu);
    assert_string_equal(wait_for_event(), SYN);
    assert_int_equal(now, changed_at);
}

static void a_connection_that_lasted_is_followed_at_once(void **state)
{
    (void)state;
    established_client();
    for (unsigned i = 0; i < 5; i++) {
        now += FTUN_REDIAL_FORGIVEN;
        give(the_server(), FTUN_RST, 5001, 0, "");
        assert_string_equal(happened(), "reconnect flow 0 attempt 1: reset by the peer | " SYN);
        answer_syn();
        happened();
    }
}

static void connections_that_do_not_last_are_followed_ever_later(void **state)
{
    (void)state;
    established_client();
    uint64_t pause = 0;
    for (unsigned i = 0; i < 4; i++) {
        const uint64_t reset_at = now;
        give(the_server(), FTUN_RST, 5001, 0, "");
        if (strstr(happened(), "> S") == NULL)
            wait_for_event();
        assert_true(i == 0 || now - reset_at > pause);
        pause = now - reset_at;
        answer_syn();
        happened();
    }
}

static void a_close_by_the_peer_is_final(void **state)
{
    (void)state;
    established_client();
    give(the_server(), FTUN_FIN | FTUN_ACK, 5001, own_isn + 1, "");
    assert_string_equal(happened(), "> F. 1:1(0) ack 5002 win 63 | "
                                    "close flow 0: closed by the peer");
}

/* F11: own sends keep Phantun's idle timer from ever expiring. */
static void F11_a_dead_path_under_load_is_left_within_15_s(void **state)
{
    (void)state;
    const uint32_t flow = dialing_client_of(watchful_config());
    answer_syn();
    happened();
    const uint64_t dead_since = now;
    for (const char *text = ""; strstr(text, "> S") == NULL; text = happened()) {
        assert_in_range(now, dead_since, dead_since + 15 * FTUN_SECOND);
        send_datagrams(flow, 10, 10);
        happened();
        now += 100 * FTUN_MILLISECOND;
        if (ftun_endpoint_deadline(endpoint) <= now)
            ftun_endpoint_timeout(endpoint, now, &actions);
        else
            actions.count = 0;
    }
}

static void F11_an_idle_dead_path_is_found_by_keepalive(void **state)
{
    (void)state;
    dialing_client_of(watchful_config());
    answer_syn();
    happened();
    const uint64_t heard_at = now;
    assert_string_equal(wait_for_event(), "> . 0:0(0) ack 5001 win 63");
    assert_int_equal(now, heard_at + FTUN_KEEPALIVE_DEFAULT);
    unsigned probes = 1;
    const char *text = wait_for_event();
    for (; strstr(text, "dead") == NULL; text = wait_for_event())
        probes += strstr(text, "> . ") != NULL;
    assert_in_range(probes, 4, 5);
    assert_in_range(now, heard_at, heard_at + FTUN_KEEPALIVE_DEFAULT + FTUN_DEAD_AFTER_DEFAULT);
}

static void an_answered_probe_keeps_the_connection(void **state)
{
    (void)state;
    dialing_client_of(watchful_config());
    answer_syn();
    happened();
    for (unsigned i = 0; i < 5; i++) {
        assert_string_equal(wait_for_event(), "> . 0:0(0) ack 5001 win 63");
        now += 50 * FTUN_MILLISECOND;
        give(the_server(), FTUN_ACK, 5001, own_isn + 1, "");
        assert_string_equal(happened(), "");
    }
}

static void a_server_answers_a_probe_from_before_what_it_has_acknowledged(void **state)
{
    (void)state;
    create(server_config());
    established_server(1000);
    happened();
    give(a_client(1000), FTUN_ACK, 101, own_isn + 1, "0123456789");
    assert_false(ftun_endpoint_end_turn(endpoint, now, &actions));
    happened();
    now += FTUN_SECOND;
    give(a_client(1000), FTUN_ACK, 100, own_isn + 1, "");
    assert_string_equal(happened(), "> . 1:1(0) ack 111 win 63");
}

/* --- several addresses --------------------------------------------------------------------- */

static const struct ftun_socket_address *last_remote(void)
{
    for (size_t i = actions.count; i > 0; i--)
        if (actions.at[i - 1].kind == FTUN_ACTION_SEND)
            return &actions.at[i - 1].send.segment.tuple.remote;
    return NULL;
}

static void F14_a_new_connection_goes_to_the_address_that_the_name_has_now(void **state)
{
    (void)state;
    established_client();
    const struct peer old = the_server();
    const struct ftun_path moved = path_to(at(ipv4(10, 0, 0, 9), 4567));
    ftun_endpoint_set_paths(endpoint, &moved, 1);
    give(old, FTUN_RST, 5001, 0, "");
    assert_true(ftun_socket_address_equal(last_remote(), &moved.remote));
}

static void F14_a_handshake_with_an_address_that_the_name_has_lost_is_given_up(void **state)
{
    (void)state;
    dialing_client_of(client_config());
    const struct ftun_path moved = path_to(at(ipv4(10, 0, 0, 9), 4567));
    ftun_endpoint_set_paths(endpoint, &moved, 1);
    assert_true(ftun_endpoint_deadline(endpoint) <= now);
    ftun_endpoint_timeout(endpoint, now, &actions);
    assert_true(ftun_socket_address_equal(last_remote(), &moved.remote));
}

static void F14_a_handshake_with_an_address_that_the_name_still_has_goes_on(void **state)
{
    (void)state;
    dialing_client_of(client_config());
    const struct ftun_path both[] = {path_to(at(ipv4(10, 0, 0, 9), 4567)), config.path};
    ftun_endpoint_set_paths(endpoint, both, 2);
    answer_syn();
    assert_non_null(strstr(happened(), "established flow 0"));
}

static void an_address_without_answer_is_followed_by_the_next(void **state)
{
    (void)state;
    create(client_config());
    const struct ftun_path both[] = {path_to(at(ipv4(10, 0, 0, 8), 1)),
                                     path_to(at(ipv4(10, 0, 0, 9), 1))};
    ftun_endpoint_set_paths(endpoint, both, 2);
    ftun_endpoint_flow(endpoint, now, application_at(1), &actions);
    assert_true(ftun_socket_address_equal(last_remote(), &both[0].remote));
    bool second = false;
    while (!second && now < start + 6 * FTUN_SECOND) {
        now = ftun_endpoint_deadline(endpoint);
        ftun_endpoint_timeout(endpoint, now, &actions);
        second = last_remote() != NULL && ftun_socket_address_equal(last_remote(), &both[1].remote);
    }
    assert_true(second);
}

static void addresses_that_this_end_has_none_for_are_left_out(void **state)
{
    (void)state;
    create(client_config());
    const struct ftun_path both[] = {{.remote = at(ipv6(8), 1)}, path_to(at(ipv4(10, 0, 0, 9), 1))};
    ftun_endpoint_set_paths(endpoint, both, 2);
    ftun_endpoint_flow(endpoint, now, application_at(1), &actions);
    assert_true(ftun_socket_address_equal(last_remote(), &both[1].remote));
    ftun_endpoint_set_paths(endpoint, both, 1); /* none left: nothing changes */
    ftun_endpoint_flow(endpoint, now, application_at(2), &actions);
    assert_true(ftun_socket_address_equal(last_remote(), &both[1].remote));
}

static void a_reset_flow_without_another_port_gives_up(void **state)
{
    (void)state;
    client_of_all_ports(client_config());
    answer_syn();
    happened();
    give(the_server(), FTUN_RST, 5001, 0, "");
    assert_string_equal(happened(), "close flow 28231: reset by the peer");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reset_flow_goes_on_from_a_new_port_at_once),
        cmocka_unit_test(datagrams_wait_for_the_new_connection),
        cmocka_unit_test(the_old_port_is_a_strangers_now),
        cmocka_unit_test(a_flow_without_answer_dials_from_port_after_port),
        cmocka_unit_test(a_silent_flow_is_given_up_after_the_idle_timeout),
        cmocka_unit_test(datagrams_keep_a_dialing_flow),
        cmocka_unit_test(F17_a_server_that_refuses_is_asked_ever_more_rarely),
        cmocka_unit_test(F17_a_flow_that_nobody_uses_is_dialed_rarely),
        cmocka_unit_test(F17_a_flow_that_is_used_again_is_dialed_at_once),
        cmocka_unit_test(F19_a_changed_path_is_tried_at_once),
        cmocka_unit_test(a_connection_that_lasted_is_followed_at_once),
        cmocka_unit_test(connections_that_do_not_last_are_followed_ever_later),
        cmocka_unit_test(a_close_by_the_peer_is_final),
        cmocka_unit_test(a_reset_flow_without_another_port_gives_up),
        cmocka_unit_test(F11_a_dead_path_under_load_is_left_within_15_s),
        cmocka_unit_test(F11_an_idle_dead_path_is_found_by_keepalive),
        cmocka_unit_test(an_answered_probe_keeps_the_connection),
        cmocka_unit_test(a_server_answers_a_probe_from_before_what_it_has_acknowledged),
        cmocka_unit_test(F14_a_new_connection_goes_to_the_address_that_the_name_has_now),
        cmocka_unit_test(F14_a_handshake_with_an_address_that_the_name_has_lost_is_given_up),
        cmocka_unit_test(F14_a_handshake_with_an_address_that_the_name_still_has_goes_on),
        cmocka_unit_test(an_address_without_answer_is_followed_by_the_next),
        cmocka_unit_test(addresses_that_this_end_has_none_for_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, endpoint_tear_down);
}
