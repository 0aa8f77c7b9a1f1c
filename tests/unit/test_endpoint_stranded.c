/* F19: the client's host has moved: what it sends from its old address comes to nothing. */
#include "endpoint_fixture.h"

static struct ftun_address new_address(void)
{
    return ipv4(203, 0, 113, 5);
}

/* The same server, from another address. */
static void move_to(struct ftun_address local)
{
    config.path.local = local;
    ftun_endpoint_set_paths(endpoint, &config.path, 1);
}

static void assert_dialed_from(struct ftun_address local)
{
    const struct ftun_tuple *tuple = &actions.at[1].send.segment.tuple;
    assert_int_equal(actions.at[1].kind, FTUN_ACTION_SEND);
    assert_true(ftun_address_equal(&tuple->local.ip, &local));
    assert_true(ftun_socket_address_equal(&tuple->remote, &config.path.remote));
}

/* What is due now, and nothing was before. */
static void assert_rival_now(void)
{
    ftun_endpoint_timeout(endpoint, now, &actions);
    assert_dialed_from(new_address());
    assert_string_equal(happened(), "reconnect flow 0 attempt 0: still open | " SYN);
}

static void answer_syn(void)
{
    give(the_server(), FTUN_SYN | FTUN_ACK, 5000, own_isn + 1, "");
}

static void a_new_connection_leaves_from_the_new_address(void **state)
{
    (void)state;
    create(client_config());
    move_to(new_address());
    ftun_endpoint_flow(endpoint, now, application_at(1), &actions);
    assert_dialed_from(new_address());
}

static void a_connection_from_the_old_address_gets_a_rival_at_once(void **state)
{
    (void)state;
    established_client_of(watchful_config());
    happened();
    now += FTUN_SECOND;
    move_to(new_address());
    assert_rival_now();
    answer_syn();
    assert_string_equal(happened(), "> . 1:1(0) ack 5001 win 63 | "
                                    "established flow 0 profile linux mss 1460");
    send_datagrams(0, 10, 10);
    const struct ftun_address from = actions.at[0].send.segment.tuple.local.ip;
    const struct ftun_address expected = new_address();
    assert_true(ftun_address_equal(&from, &expected));
    assert_string_equal(happened(), "> P. 1:11(10) ack 5001 win 63");
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 1);
    now += FTUN_REDIAL_LAST;
    ftun_endpoint_timeout(endpoint, now, &actions);
    assert_string_equal(happened(), "> . 0:0(0) ack 5001 win 63"); /* asks */
}

static void a_connection_that_ends_there_is_followed_by_one_alone(void **state)
{
    (void)state;
    established_client_of(watchful_config());
    happened();
    const struct peer old = the_server();
    move_to(new_address());
    give(old, FTUN_RST, 5001, 0, "");
    assert_dialed_from(new_address());
    assert_string_equal(happened(), "reconnect flow 0 attempt 1: reset by the peer | " SYN);
    answer_syn();
    happened();
    now += FTUN_REDIAL_LAST;
    ftun_endpoint_timeout(endpoint, now, &actions);
    assert_string_equal(happened(), "");
}

/* Without probes, and where the peer does not answer them, too. */
static void phantuns_connection_gets_one_as_well(void **state)
{
    (void)state;
    struct ftun_endpoint_config c = client_config();
    c.peer = FTUN_PEER_PHANTUN;
    established_client_of(c);
    happened();
    move_to(new_address());
    ftun_endpoint_timeout(endpoint, now, &actions);
    assert_dialed_from(new_address());
}

/* What still comes there does not make the old address any better. */
static void the_rival_has_the_flow_although_the_old_connection_is_heard(void **state)
{
    (void)state;
    established_client_of(watchful_config());
    happened();
    const struct peer old = the_server();
    const uint32_t old_isn = own_isn;
    move_to(new_address());
    assert_rival_now();
    const struct peer fresh = the_server();
    const uint32_t fresh_isn = own_isn;
    now += 1;
    give(old, FTUN_ACK, 5001, old_isn + 1, "late");
    assert_string_equal(happened(), "deliver flow 0 bytes 4 stride 4");
    give(fresh, FTUN_SYN | FTUN_ACK, 5000, fresh_isn + 1, "");
    assert_non_null(strstr(happened(), "established flow 0"));
}

static void a_handshake_from_the_old_address_is_dialed_anew_at_once(void **state)
{
    (void)state;
    dialing_client_of(watchful_config());
    for (int i = 0; i < 12; i++) /* it has failed before: the next attempts come later and later */
        meet_deadline();
    move_to(new_address());
    ftun_endpoint_timeout(endpoint, now, &actions);
    assert_dialed_from(new_address());
    assert_string_equal(happened(),
                        "reconnect flow 0 attempt 1: no answer to the handshake | " SYN);
}

static void a_rival_from_the_old_address_makes_room_for_one_from_the_new(void **state)
{
    (void)state;
    established_client_of(watchful_config());
    happened();
    send_datagrams(0, 10, 10);
    happened();
    const uint64_t doubtful = now + FTUN_DOUBT_AFTER;
    while (now < doubtful)
        meet_deadline();
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 2);
    now += 1;
    move_to(new_address());
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 1);
    assert_rival_now();
}

static void who_comes_back_keeps_the_connection(void **state)
{
    (void)state;
    established_client_of(watchful_config());
    happened();
    const struct ftun_address before = config.path.local;
    move_to(new_address());
    move_to(before);
    ftun_endpoint_timeout(endpoint, now, &actions);
    assert_string_equal(happened(), "");
    send_datagrams(0, 10, 10);
    assert_non_null(strstr(happened(), "> P. 1:11(10)"));
}

/* The address is a path's to another address of the server: it is the host's still. */
static void an_address_of_any_path_is_good_enough(void **state)
{
    (void)state;
    established_client_of(watchful_config());
    happened();
    const struct ftun_path both[] = {{config.path.remote, new_address()},
                                     path_to(at(ipv4(10, 0, 0, 9), 4567))};
    ftun_endpoint_set_paths(endpoint, both, 2);
    ftun_endpoint_timeout(endpoint, now, &actions);
    assert_string_equal(happened(), "");
}

static void segments_to_the_old_address_are_of_their_connection_or_not_ours(void **state)
{
    (void)state;
    established_client_of(watchful_config());
    happened();
    struct peer stranger = the_server();
    stranger.to.port ^= 1;
    move_to(new_address());
    give(stranger, FTUN_ACK, 100, 777, "");
    assert_string_equal(happened(), "");
    assert_int_equal(refused(FTUN_REFUSED_NOT_OURS_ADDRESS), 1);
    stranger.to.ip = new_address();
    own_isn = 0;
    give(stranger, FTUN_ACK, 100, 777, "");
    assert_string_equal(happened(), "> R 777:777(0) win 0");
}

/* Such as the server's FIN, when the flow goes on elsewhere. */
static void where_any_address_will_do_the_old_one_answers_still(void **state)
{
    (void)state;
    struct ftun_endpoint_config c = watchful_config();
    c.any_local = true;
    established_client_of(c);
    happened();
    const struct peer old = the_server();
    move_to(new_address());
    assert_rival_now();
    answer_syn();
    happened();
    own_isn = 0;
    give(old, FTUN_FIN | FTUN_ACK, 5001, 777, "");
    assert_true(ftun_address_equal(&actions.at[0].send.segment.tuple.local.ip, &old.to.ip));
    assert_string_equal(happened(), "> R 777:777(0) win 0");
    assert_int_equal(refused(FTUN_REFUSED_NOT_OURS_FLOW), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_new_connection_leaves_from_the_new_address, endpoint_tear_down),
        cmocka_unit_test_teardown(a_connection_from_the_old_address_gets_a_rival_at_once,
                                  endpoint_tear_down),
        cmocka_unit_test_teardown(a_connection_that_ends_there_is_followed_by_one_alone,
                                  endpoint_tear_down),
        cmocka_unit_test_teardown(phantuns_connection_gets_one_as_well, endpoint_tear_down),
        cmocka_unit_test_teardown(the_rival_has_the_flow_although_the_old_connection_is_heard,
                                  endpoint_tear_down),
        cmocka_unit_test_teardown(a_handshake_from_the_old_address_is_dialed_anew_at_once,
                                  endpoint_tear_down),
        cmocka_unit_test_teardown(a_rival_from_the_old_address_makes_room_for_one_from_the_new,
                                  endpoint_tear_down),
        cmocka_unit_test_teardown(who_comes_back_keeps_the_connection, endpoint_tear_down),
        cmocka_unit_test_teardown(an_address_of_any_path_is_good_enough, endpoint_tear_down),
        cmocka_unit_test_teardown(segments_to_the_old_address_are_of_their_connection_or_not_ours,
                                  endpoint_tear_down),
        cmocka_unit_test_teardown(where_any_address_will_do_the_old_one_answers_still,
                                  endpoint_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
