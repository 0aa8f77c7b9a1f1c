/* Peers that speak Phantun's dialect. */
#include "endpoint_fixture.h"

/* Phantun's SYN-ACK: window scale 14 and no MSS. */
static void give_without_mss(struct peer peer, uint8_t flags, uint32_t sequence, uint32_t ack)
{
    static const uint8_t window_scale[] = {1, 3, 3, 14};
    give_options(peer, flags, sequence, ack, window_scale, sizeof window_scale);
}

#define PHANTUN_SYN "> S 0:0(0) win 65535 <nop,wscale 14>"

static void a_refused_client_tries_phantuns_way_once_and_remembers(void **state)
{
    (void)state;
    const uint32_t flow = dialing_client_of(client_config());
    send_datagrams(flow, 10, 10);
    give(the_server(), FTUN_RST | FTUN_ACK, 0, own_isn + 1, "");
    assert_string_equal(happened(), PHANTUN_SYN);
    assert_int_equal(own_isn, 0);
    give_without_mss(the_server(), FTUN_SYN | FTUN_ACK, 0, 1);
    assert_string_equal(happened(), "> . 1:1(0) ack 1 win 65535 | "
                                    "established flow 0 profile phantun mss 1460 | "
                                    "> . 1:11(10) ack 1 win 65535");
    ftun_endpoint_flow(endpoint, now, application_at(2), &actions);
    assert_string_equal(happened(), "open | " PHANTUN_SYN);
}

/* The host answered RST while an ftun server was starting; then the server answered. */
static void a_server_of_ftuns_is_not_taken_for_phantun_for_ever(void **state)
{
    (void)state;
    dialing_client_of(client_config());
    give(the_server(), FTUN_RST | FTUN_ACK, 0, own_isn + 1, "");
    assert_string_equal(happened(), PHANTUN_SYN);
    give(the_server(), FTUN_SYN | FTUN_ACK, 5000, 1, ""); /* with an MSS */
    happened();
    ftun_endpoint_flow(endpoint, now, application_at(2), &actions);
    assert_string_equal(happened(), "open | " SYN);
}

static void a_client_refused_both_ways_begins_anew(void **state)
{
    (void)state;
    dialing_client_of(client_config());
    give(the_server(), FTUN_RST | FTUN_ACK, 0, own_isn + 1, "");
    assert_string_equal(happened(), PHANTUN_SYN);
    give(the_server(), FTUN_RST | FTUN_ACK, 0, 1, "");
    assert_string_equal(happened(), "reconnect flow 0 attempt 1: refused by the peer: nothing "
                                    "listens there | " SYN);
}

static void a_client_told_that_the_peer_is_ftun_tries_no_other_dialect(void **state)
{
    (void)state;
    struct ftun_endpoint_config c = client_config();
    c.peer = FTUN_PEER_FTUN;
    dialing_client_of(c);
    give(the_server(), FTUN_RST | FTUN_ACK, 0, own_isn + 1, "");
    assert_string_equal(happened(), "reconnect flow 0 attempt 1: refused by the peer: nothing "
                                    "listens there | " SYN);
}

static void a_client_told_that_the_peer_is_phantun_begins_that_way(void **state)
{
    (void)state;
    struct ftun_endpoint_config c = client_config();
    c.peer = FTUN_PEER_PHANTUN;
    create(c);
    ftun_endpoint_flow(endpoint, now, application_at(1), &actions);
    assert_string_equal(happened(), "open | " PHANTUN_SYN);
}

static void a_server_takes_phantuns_clients_and_closes_them_their_way(void **state)
{
    (void)state;
    create(server_config());
    give_without_mss(a_client(1), FTUN_SYN, 0, 0);
    assert_string_equal(happened(), "> S. 0:0(0) ack 1 win 64240 <mss 1460,nop,wscale 10>");
    give(a_client(1), FTUN_ACK, 1, own_isn + 1, "");
    assert_string_equal(happened(), "open | established flow 0 profile phantun mss 1460");
    assert_false(ftun_endpoint_close_all(endpoint, now, &actions));
    assert_string_equal(happened(), "> R 1:1(0) win 0 | close flow 0: closed by this end");
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 0);
}

static void a_refused_client_without_another_port_gives_up(void **state)
{
    (void)state;
    client_of_all_ports(client_config());
    const uint32_t flows = ftun_endpoint_flow_count(endpoint);
    give(the_server(), FTUN_RST | FTUN_ACK, 0, own_isn + 1, "");
    assert_string_equal(happened(), "close flow 28231: refused by the peer: nothing listens there");
    assert_int_equal(ftun_endpoint_flow_count(endpoint), flows - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_client_tries_phantuns_way_once_and_remembers),
        cmocka_unit_test(a_server_of_ftuns_is_not_taken_for_phantun_for_ever),
        cmocka_unit_test(a_client_refused_both_ways_begins_anew),
        cmocka_unit_test(a_client_told_that_the_peer_is_ftun_tries_no_other_dialect),
        cmocka_unit_test(a_client_told_that_the_peer_is_phantun_begins_that_way),
        cmocka_unit_test(a_server_takes_phantuns_clients_and_closes_them_their_way),
        cmocka_unit_test(a_refused_client_without_another_port_gives_up),
    };
    return cmocka_run_group_tests(tests, NULL, endpoint_tear_down);
}
