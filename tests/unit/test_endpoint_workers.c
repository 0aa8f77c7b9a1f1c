/* Endpoints that share one TUN: which ports a client's connections have, whose packets are whose,
 * how many flows all may have. */
#include "endpoint_fixture.h"
#include "flow_total.h"
#include "steering.h"

enum { ROUNDS = 50 };

static struct ftun_endpoint_config worker_of(struct ftun_endpoint_config c, uint32_t worker,
                                             uint32_t workers)
{
    c.worker = worker;
    c.workers = workers;
    return c;
}

static const struct ftun_counters *counters(void)
{
    return ftun_endpoint_counters(endpoint);
}

/* --- a client's ports --------------------------------------------------------------------- */

static void a_clients_connections_have_ports_that_are_steered_to_it(void **state)
{
    (void)state;
    for (uint32_t workers = 1; workers <= 5; workers++)
        for (uint32_t worker = 0; worker < workers; worker++) {
            struct ftun_endpoint_config c = worker_of(client_config(), worker, workers);
            c.max_flows = ROUNDS;
            create(c);
            for (int i = 1; i <= ROUNDS; i++) {
                ftun_endpoint_flow(endpoint, now, application_at((uint16_t)i), &actions);
                happened();
                assert_int_equal(ftun_steering_worker(own_port, workers), worker);
            }
        }
}

/* A server with other workers than we have finds the flow where it was. */
static void a_flow_that_connects_anew_keeps_the_class_of_its_port_but_not_the_port(void **state)
{
    (void)state;
    established_client();
    uint16_t before = own_port;
    for (int i = 0; i < ROUNDS; i++) {
        happened();
        give(the_server(), FTUN_RST, 5001, 0, "");
        happened();
        while (own_port == before)
            wait_for_event();
        assert_int_equal(own_port % FTUN_PORT_CLASSES, before % FTUN_PORT_CLASSES);
        before = own_port;
        give(the_server(), FTUN_SYN | FTUN_ACK, 5000, own_isn + 1, "");
        now += FTUN_REDIAL_FORGIVEN;
    }
}

static void a_connection_that_is_tried_beside_another_has_its_class(void **state)
{
    (void)state;
    established_client_of(watchful_config());
    const uint16_t before = own_port;
    happened();
    send_datagrams(0, 10, 10);
    happened();
    while (own_port == before)
        wait_for_event();
    assert_int_equal(own_port % FTUN_PORT_CLASSES, before % FTUN_PORT_CLASSES);
}

/* --- whose packets ------------------------------------------------------------------------ */

static void a_segment_of_anothers_flow_is_handed_over_and_counted(void **state)
{
    (void)state;
    create(worker_of(server_config(), 1, 2));
    give(a_client(31), FTUN_SYN, 100, 0, "");
    assert_string_equal(happened(), "hand over to worker 0 bytes 48");
    assert_int_equal(counters()->packets_handed_over, 1);
    assert_int_equal(counters()->packets_misdirected, 1); /* the kernel knew whose it is */
    assert_int_equal(counters()->segments_received, 0);
    give(a_client(32), FTUN_SYN, 100, 0, "");
    assert_non_null(strstr(happened(), "> S."));
    assert_int_equal(counters()->packets_handed_over, 1);
}

static void what_is_handed_over_is_the_packet_as_it_came(void **state)
{
    (void)state;
    create(worker_of(server_config(), 0, 2));
    give_glued(a_client(63), FTUN_ACK, 100, 7, "abcdef", 2);
    assert_int_equal(actions.count, 1);
    assert_int_equal(actions.at[0].kind, FTUN_ACTION_HAND_OVER);
    assert_int_equal(actions.at[0].hand_over.worker, 1);
    assert_int_equal(actions.at[0].hand_over.segment_size, 2);
    assert_int_equal(actions.at[0].hand_over.len, 46);
    assert_memory_equal(actions.at[0].hand_over.data + 40, "abcdef", 6);
}

static void what_is_not_for_us_is_nobodys(void **state)
{
    (void)state;
    create(worker_of(server_config(), 0, 2));
    struct peer elsewhere = a_client(63);
    elsewhere.to.port++;
    give(elsewhere, FTUN_SYN, 100, 0, "");
    assert_int_equal(refused(FTUN_REFUSED_NOT_OURS_ADDRESS), 1);
    assert_int_equal(counters()->packets_handed_over, 0);
}

/* --- how many flows ----------------------------------------------------------------------- */

static struct ftun_flow_total total;

static struct ftun_endpoint_config sharing(struct ftun_endpoint_config c, uint32_t of_others)
{
    total.count = of_others;
    c.total = &total;
    return c;
}

static void the_flows_of_others_count(void **state)
{
    (void)state;
    create(sharing(server_config(), 3));
    established_server(1);
    assert_int_equal(total.count, 4);
    happened();
    give(a_client(2), FTUN_SYN, 100, 0, "");
    assert_string_equal(happened(), "");
    assert_int_equal(refused(FTUN_REFUSED_FLOW_LIMIT), 1);
    total.count--; /* one of another's */
    give(a_client(2), FTUN_SYN, 100, 0, "");
    assert_non_null(strstr(happened(), "> S."));
}

static void where_others_have_all_flows_nothing_yields(void **state)
{
    (void)state;
    create(sharing(server_config(), 4));
    give(a_client(1), FTUN_SYN, 100, 0, "");
    assert_string_equal(happened(), "");
    assert_int_equal(refused(FTUN_REFUSED_FLOW_LIMIT), 1);
}

/* Between the SYN and the third packet somebody else was faster. */
static void a_handshake_that_finds_no_room_any_more_is_refused(void **state)
{
    (void)state;
    create(sharing(server_config(), 3));
    give(a_client(1), FTUN_SYN, 100, 0, "");
    happened();
    total.count = 4;
    give(a_client(1), FTUN_ACK, 101, own_isn + 1, "");
    assert_int_equal(refused(FTUN_REFUSED_FLOW_LIMIT), 1);
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 0);
    assert_int_equal(total.count, 4);
}

static void a_flow_that_ends_is_not_counted_any_more(void **state)
{
    (void)state;
    create(sharing(client_config(), 3));
    ftun_endpoint_flow(endpoint, now, application_at(1), &actions);
    happened();
    assert_int_equal(ftun_endpoint_flow(endpoint, now, application_at(2), &actions), FTUN_NO_FLOW);
    assert_int_equal(refused(FTUN_REFUSED_FLOW_LIMIT), 1);
    assert_int_equal(total.count, 4);
    ftun_endpoint_close_all(endpoint, now, &actions);
    happened();
    assert_int_equal(total.count, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clients_connections_have_ports_that_are_steered_to_it),
        cmocka_unit_test(a_flow_that_connects_anew_keeps_the_class_of_its_port_but_not_the_port),
        cmocka_unit_test(a_connection_that_is_tried_beside_another_has_its_class),
        cmocka_unit_test(a_segment_of_anothers_flow_is_handed_over_and_counted),
        cmocka_unit_test(what_is_handed_over_is_the_packet_as_it_came),
        cmocka_unit_test(what_is_not_for_us_is_nobodys),
        cmocka_unit_test(the_flows_of_others_count),
        cmocka_unit_test(where_others_have_all_flows_nothing_yields),
        cmocka_unit_test(a_handshake_that_finds_no_room_any_more_is_refused),
        cmocka_unit_test(a_flow_that_ends_is_not_counted_any_more),
    };
    return cmocka_run_group_tests(tests, NULL, endpoint_tear_down);
}
