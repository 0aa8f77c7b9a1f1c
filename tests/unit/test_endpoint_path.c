/* The caller says that the path to the server is another. */
#include "endpoint_fixture.h"

/* What happens next, by itself; at `expected`. */
static const char *next_event(uint64_t expected)
{
    const char *const text = wait_for_event();
    assert_int_equal(now, expected);
    return text;
}

static struct ftun_socket_address server_at(uint8_t last)
{
    return at(ipv4(198, 51, 100, last), 4567);
}

static void F19_an_idle_connection_is_probed_soon_and_doubted_when_it_is_silent(void **state)
{
    (void)state;
    established_client_of(watchful_config());
    const uint64_t changed = now += FTUN_SECOND;
    ftun_endpoint_path_changed(endpoint, now, 1500);
    assert_string_equal(next_event(changed + FTUN_PROBE_FIRST), "> . 0:0(0) ack 5001 win 63");
    assert_string_equal(next_event(changed + 2 * FTUN_PROBE_FIRST), "> . 0:0(0) ack 5001 win 63");
    assert_string_equal(next_event(changed + FTUN_DOUBT_AFTER),
                        "reconnect flow 0 attempt 0: still open | " SYN);
}

static void a_connection_that_is_heard_again_has_proved_itself(void **state)
{
    (void)state;
    established_client_of(watchful_config());
    now += FTUN_SECOND;
    ftun_endpoint_path_changed(endpoint, now, 1500);
    give(the_server(), FTUN_ACK, 5001, own_isn + 1, "data");
    happened();
    const uint64_t heard = now;
    ftun_endpoint_end_turn(endpoint, now, &actions);
    happened();
    assert_true(ftun_endpoint_deadline(endpoint) <=
                heard + FTUN_PROBE_FIRST); /* may be too early */
    while (ftun_endpoint_deadline(endpoint) < heard + FTUN_KEEPALIVE_DEFAULT)
        assert_string_equal(meet_deadline(), "");
}

static void F14_a_handshake_with_an_address_that_is_gone_is_given_up(void **state)
{
    (void)state;
    struct ftun_endpoint_config c = watchful_config();
    c.path.remote = server_at(1);
    dialing_client_of(c);
    const struct ftun_path moved = path_to(server_at(2));
    now += 300 * FTUN_MILLISECOND;
    ftun_endpoint_set_paths(endpoint, &moved, 1);
    ftun_endpoint_path_changed(endpoint, now, 1500);
    assert_string_equal(next_event(now),
                        "reconnect flow 0 attempt 1: no answer to the handshake | " SYN);
    assert_true(ftun_socket_address_equal(&actions.at[1].send.segment.tuple.remote, &moved.remote));
}

static void a_handshake_with_an_address_that_stays_goes_on(void **state)
{
    (void)state;
    struct ftun_endpoint_config c = watchful_config();
    dialing_client_of(c);
    const uint64_t dialed = now;
    now += 300 * FTUN_MILLISECOND;
    ftun_endpoint_path_changed(endpoint, now, 1500);
    assert_string_equal(next_event(dialed + FTUN_RETRANSMIT_TIMEOUT), SYN);
}

static void a_larger_mtu_is_for_connections_from_now_on(void **state)
{
    (void)state;
    established_client_of(watchful_config());
    happened();
    ftun_endpoint_path_changed(endpoint, now, 1280);
    ftun_endpoint_flow(endpoint, now, application_at(2), &actions);
    assert_non_null(strstr(happened(), "mss 1240"));
    assert_string_equal(next_event(now), "mss flow 0 bytes 1240");
    ftun_endpoint_path_changed(endpoint, now, 9000);
    ftun_endpoint_flow(endpoint, now, application_at(3), &actions);
    assert_non_null(strstr(happened(), "mss 1460"));
    send_datagrams(0, 1241, 1241);
    assert_string_equal(happened(), "");
    assert_int_equal(refused(FTUN_REFUSED_DATAGRAM_TOO_LARGE), 1);
}

/* No router tells of it where packets leave by the link itself. */
static void F21_connections_fit_a_path_that_has_become_narrower(void **state)
{
    (void)state;
    established_client_of(watchful_config());
    happened();
    ftun_endpoint_path_changed(endpoint, now, 1400);
    assert_string_equal(next_event(now), "mss flow 0 bytes 1360");
    send_datagrams(0, 1361, 1361);
    assert_string_equal(happened(), "");
    send_datagrams(0, 1360, 1360);
    assert_non_null(strstr(happened(), "(1360)"));
    ftun_endpoint_path_changed(endpoint, now, 1400);
    ftun_endpoint_timeout(endpoint, now, &actions);
    assert_string_equal(happened(), ""); /* it does already */
}

static void F21_what_still_fits_is_left_alone(void **state)
{
    (void)state;
    static const uint8_t mss_1300[] = {2, 4, 0x05, 0x14};
    dialing_client_of(watchful_config());
    give_options(the_server(), FTUN_SYN | FTUN_ACK, 5000, own_isn + 1, mss_1300, 4);
    assert_non_null(strstr(happened(), "mss 1300"));
    ftun_endpoint_path_changed(endpoint, now, 1345);
    ftun_endpoint_timeout(endpoint, now, &actions);
    assert_string_equal(happened(), "");
}

static void F21_a_hundred_connections_fit_in_as_many_calls_as_it_takes(void **state)
{
    (void)state;
    struct ftun_endpoint_config c = client_config();
    c.max_flows = 100;
    create(c);
    for (uint16_t i = 1; i <= 100; i++)
        ftun_endpoint_flow(endpoint, now, application_at(i), &actions);
    ftun_endpoint_path_changed(endpoint, now, 1400);
    size_t told = 0;
    while (ftun_endpoint_deadline(endpoint) <= now) {
        ftun_endpoint_timeout(endpoint, now, &actions);
        for (size_t i = 0; i < actions.count; i++)
            told += actions.at[i].kind == FTUN_ACTION_MSS;
        happened();
    }
    assert_int_equal(told, 100);
}

static void F21_a_servers_connections_fit_as_well(void **state)
{
    (void)state;
    create(server_config());
    established_server(4000);
    happened();
    ftun_endpoint_path_changed(endpoint, now, 1280);
    assert_string_equal(next_event(now), "mss flow 0 bytes 1240");
}

static void a_server_does_not_ask(void **state)
{
    (void)state;
    create(server_config());
    established_server(4000);
    happened();
    const uint64_t due = ftun_endpoint_deadline(endpoint);
    ftun_endpoint_path_changed(endpoint, now, 1500);
    assert_int_equal(ftun_endpoint_deadline(endpoint), due);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(
            F19_an_idle_connection_is_probed_soon_and_doubted_when_it_is_silent,
            endpoint_tear_down),
        cmocka_unit_test_teardown(a_connection_that_is_heard_again_has_proved_itself,
                                  endpoint_tear_down),
        cmocka_unit_test_teardown(F14_a_handshake_with_an_address_that_is_gone_is_given_up,
                                  endpoint_tear_down),
        cmocka_unit_test_teardown(a_handshake_with_an_address_that_stays_goes_on,
                                  endpoint_tear_down),
        cmocka_unit_test_teardown(a_larger_mtu_is_for_connections_from_now_on, endpoint_tear_down),
        cmocka_unit_test_teardown(F21_connections_fit_a_path_that_has_become_narrower,
                                  endpoint_tear_down),
        cmocka_unit_test_teardown(F21_what_still_fits_is_left_alone, endpoint_tear_down),
        cmocka_unit_test_teardown(F21_a_hundred_connections_fit_in_as_many_calls_as_it_takes,
                                  endpoint_tear_down),
        cmocka_unit_test_teardown(F21_a_servers_connections_fit_as_well, endpoint_tear_down),
        cmocka_unit_test_teardown(a_server_does_not_ask, endpoint_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
