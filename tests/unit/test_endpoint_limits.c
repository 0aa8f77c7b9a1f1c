/* A server whose table is full, and one that limits what comes from one address. */
#include "endpoint_fixture.h"

static struct peer client_at(uint8_t last, uint16_t port)
{
    return (struct peer){at(ipv4(10, 0, 0, last), port), at(config.local4, config.port)};
}

/* Knocks, and completes the handshake. */
static void come_from(struct peer peer)
{
    give(peer, FTUN_SYN, 100, 0, "");
    happened();
    give(peer, FTUN_ACK, 101, own_isn + 1, "");
}

static uint32_t first_isn; /* towards the client at port 1 */

/* Four flows, begun a second apart. */
static void full_server(void)
{
    create(server_config());
    for (uint16_t port = 1; port <= 4; port++) {
        now += FTUN_SECOND;
        established_server(port);
        if (port == 1)
            first_isn = own_isn;
    }
    happened();
}

static void the_flow_that_was_idle_longest_yields_to_a_new_one(void **state)
{
    (void)state;
    full_server();
    now = start + FTUN_SECOND + FTUN_YIELD_AFTER;
    established_server(5);
    own_isn = 0;
    assert_non_null(strstr(happened(),
                           "close flow 0: idle for longer than any other when a new one "
                           "needed its place | open | established flow 0"));
    assert_int_equal(ftun_endpoint_counters(endpoint)->flows_yielded, 1);
    assert_int_equal(ftun_endpoint_counters(endpoint)->flows_closed, 1);
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 4);
}

/* RFC 9293 3.10.5: the peer learns of it, and comes back when it has something to say. */
static void the_peer_of_a_flow_that_yields_is_reset(void **state)
{
    (void)state;
    full_server();
    now += FTUN_YIELD_AFTER;
    established_server(5);
    const struct ftun_action *reset = &actions.at[0];
    assert_int_equal(reset->kind, FTUN_ACTION_SEND);
    assert_int_equal(reset->send.segment.tuple.remote.port, 1);
    assert_int_equal(reset->send.segment.tcp.flags, FTUN_RST);
    assert_int_equal(reset->send.segment.tcp.sequence, first_isn + 1);
}

static void a_flow_that_was_heard_lately_does_not_yield(void **state)
{
    (void)state;
    full_server();
    now = start + FTUN_SECOND + FTUN_YIELD_AFTER - 1;
    give(a_client(5), FTUN_SYN, 100, 0, "");
    assert_string_equal(happened(), "");
    assert_int_equal(refused(FTUN_REFUSED_FLOW_LIMIT), 1);
    now++;
    give(a_client(5), FTUN_SYN, 100, 0, "");
    assert_int_equal(actions.count, 1);
    assert_int_equal(ftun_endpoint_counters(endpoint)->flows_yielded, 0); /* to a handshake only */
}

static void what_is_heard_counts_and_what_is_sent_does_not(void **state)
{
    (void)state;
    create(server_config());
    established_server(1);
    const uint32_t isn = own_isn;
    for (uint16_t port = 2; port <= 4; port++)
        established_server(port);
    now += FTUN_YIELD_AFTER;
    give(a_client(1), FTUN_ACK, 101, isn + 1, "ping");
    happened();
    send_datagrams(1, 10, 10);
    established_server(5);
    assert_int_equal(actions.at[0].send.segment.tuple.remote.port, 2);
}

static void a_flow_that_is_being_closed_yields_at_once(void **state)
{
    (void)state;
    create(server_config());
    for (uint16_t port = 1; port <= 4; port++)
        established_server(port);
    ftun_endpoint_close(endpoint, now, 0, &actions);
    established_server(5);
    happened();
    assert_int_equal(ftun_endpoint_counters(endpoint)->flows_opened, 5);
    assert_int_equal(ftun_endpoint_counters(endpoint)->flows_yielded, 0);
}

/* Anybody can send a million SYNs from addresses that are not his: nothing may yield to them. */
static void F07_spoofed_syns_make_no_flow_yield(void **state)
{
    (void)state;
    full_server();
    now += 10 * FTUN_YIELD_AFTER;
    for (uint16_t port = 10; port < 10000; port++) {
        give(a_client(port), FTUN_SYN, 100, 0, "");
        give(a_client(port), FTUN_ACK, 101, 777, "");
    }
    assert_int_equal(ftun_endpoint_counters(endpoint)->flows_closed, 0);
}

static void one_address_has_no_more_flows_than_it_may(void **state)
{
    (void)state;
    struct ftun_endpoint_config c = server_config();
    c.max_flows_per_source = 2;
    create(c);
    come_from(client_at(1, 1));
    come_from(client_at(1, 2));
    happened();
    give(client_at(1, 3), FTUN_SYN, 100, 0, "");
    assert_string_equal(happened(), "");
    assert_int_equal(refused(FTUN_REFUSED_SOURCE_LIMIT), 1);
    come_from(client_at(2, 1));
    assert_string_equal(happened(), "open | established flow 2 profile linux mss 1460");
    assert_int_equal(refused(FTUN_REFUSED_FLOW_LIMIT), 0);
}

static void it_has_room_again_when_a_flow_has_ended(void **state)
{
    (void)state;
    struct ftun_endpoint_config c = server_config();
    c.max_flows_per_source = 1;
    create(c);
    come_from(client_at(1, 1));
    give(client_at(1, 1), FTUN_RST, 101, 0, "");
    come_from(client_at(1, 2));
    assert_string_equal(happened(), "open | established flow 0 profile linux mss 1460");
}

/* Its last place went while it knocked. */
static void a_handshake_beyond_the_limit_is_reset(void **state)
{
    (void)state;
    struct ftun_endpoint_config c = server_config();
    c.max_flows_per_source = 1;
    create(c);
    give(client_at(1, 1), FTUN_SYN, 100, 0, "");
    happened();
    const uint32_t isn = own_isn;
    come_from(client_at(1, 2));
    happened();
    give(client_at(1, 1), FTUN_ACK, 101, isn + 1, "");
    own_isn = isn;
    assert_string_equal(happened(), "> R 1:1(0) win 0");
    assert_int_equal(refused(FTUN_REFUSED_SOURCE_LIMIT), 1);
}

/* Who has as many flows as he may does not get others' places. */
static void a_source_at_its_limit_makes_no_other_yield(void **state)
{
    (void)state;
    struct ftun_endpoint_config c = server_config();
    c.max_flows_per_source = 2;
    create(c);
    for (uint8_t i = 0; i < 4; i++)
        come_from(client_at((uint8_t)(1 + i / 2), i));
    now += FTUN_YIELD_AFTER;
    come_from(client_at(1, 9));
    assert_int_equal(ftun_endpoint_counters(endpoint)->flows_yielded, 0);
    come_from(client_at(3, 9));
    assert_int_equal(ftun_endpoint_counters(endpoint)->flows_yielded, 1);
    happened();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_flow_that_was_idle_longest_yields_to_a_new_one),
        cmocka_unit_test(the_peer_of_a_flow_that_yields_is_reset),
        cmocka_unit_test(a_flow_that_was_heard_lately_does_not_yield),
        cmocka_unit_test(what_is_heard_counts_and_what_is_sent_does_not),
        cmocka_unit_test(a_flow_that_is_being_closed_yields_at_once),
        cmocka_unit_test(F07_spoofed_syns_make_no_flow_yield),
        cmocka_unit_test(one_address_has_no_more_flows_than_it_may),
        cmocka_unit_test(it_has_room_again_when_a_flow_has_ended),
        cmocka_unit_test(a_handshake_beyond_the_limit_is_reset),
        cmocka_unit_test(a_source_at_its_limit_makes_no_other_yield),
    };
    return cmocka_run_group_tests(tests, NULL, endpoint_tear_down);
}
