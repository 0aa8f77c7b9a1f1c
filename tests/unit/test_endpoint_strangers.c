/* What belongs to no flow. */
#include "endpoint_fixture.h"

static void F10_unknown_segments_are_answered_by_rst_and_rst_by_nothing(void **state)
{
    (void)state;
    create(server_config());
    give(a_client(1), FTUN_ACK, 100, 777, "data");
    assert_string_equal(happened(), "> R 777:777(0) win 0");
    give(a_client(1), FTUN_FIN, 100, 0, "data"); /* RFC 9293 3.10.7.2: a listener drops it */
    assert_string_equal(happened(), "");
    give(a_client(1), FTUN_RST, 100, 0, "");
    assert_string_equal(happened(), "");
    give(a_client(1), FTUN_RST | FTUN_ACK, 100, 9, "");
    assert_string_equal(happened(), "");
    give(a_client(1), FTUN_SYN | FTUN_ACK, 100, 9, "");
    assert_string_equal(happened(), "> R 9:9(0) win 0");
    assert_int_equal(refused(FTUN_REFUSED_NOT_OURS_FLOW), 5);
}

static void F10_answers_to_strangers_are_limited(void **state)
{
    (void)state;
    create(server_config());
    for (unsigned i = 0; i < 5000; i++)
        give(a_client(1), FTUN_ACK, 100, 777, "");
    assert_int_equal(ftun_endpoint_counters(endpoint)->segments_sent, FTUN_ANSWERS_PER_SECOND);
    assert_int_equal(ftun_endpoint_counters(endpoint)->answers_suppressed,
                     5000 - FTUN_ANSWERS_PER_SECOND);
    now += FTUN_SECOND;
    actions.count = 0;
    give(a_client(1), FTUN_ACK, 100, 777, "");
    assert_string_equal(happened(), "> R 777:777(0) win 0");
}

static void what_is_addressed_elsewhere_is_not_ours(void **state)
{
    (void)state;
    create(server_config());
    const struct peer other_port = {at(ipv4(10, 0, 0, 1), 1), at(config.local4, 4568)};
    give(other_port, FTUN_SYN, 100, 0, "");
    const struct peer other_address = {at(ipv4(10, 0, 0, 1), 1),
                                       at(ipv4(192, 168, 201, 1), config.port)};
    give(other_address, FTUN_SYN, 100, 0, "");
    assert_string_equal(happened(), "");
    assert_int_equal(refused(FTUN_REFUSED_NOT_OURS_ADDRESS), 2);
}

static void a_client_accepts_no_connections(void **state)
{
    (void)state;
    create(client_config());
    own_port = 4567;
    give(the_server(), FTUN_SYN, 100, 0, "");
    assert_string_equal(happened(), "> R. 0:0(0) ack 101 win 0");
    give(the_server(), FTUN_FIN, 100, 0, "data");
    assert_string_equal(happened(), "> R. 0:0(0) ack 105 win 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(F10_unknown_segments_are_answered_by_rst_and_rst_by_nothing),
        cmocka_unit_test(F10_answers_to_strangers_are_limited),
        cmocka_unit_test(what_is_addressed_elsewhere_is_not_ours),
        cmocka_unit_test(a_client_accepts_no_connections),
    };
    return cmocka_run_group_tests(tests, NULL, endpoint_tear_down);
}
