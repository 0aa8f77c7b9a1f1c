/* A server that has no address of its own: packets come to any of its host's. */
#include "endpoint_fixture.h"

static struct ftun_endpoint_config config_of_host(void)
{
    struct ftun_endpoint_config c = server_config();
    c.local4 = c.local6 = (struct ftun_address){0};
    c.any_local = true;
    return c;
}

static struct peer client_of(struct ftun_address local)
{
    const bool v6 = local.family == FTUN_IPV6;
    return (struct peer){at(v6 ? ipv6(9) : ipv4(10, 0, 0, 1), 4000), at(local, 4567)};
}

static void assert_left_from(const struct ftun_address *local)
{
    assert_int_equal(actions.at[actions.count - 1].kind, FTUN_ACTION_SEND);
    const struct ftun_tuple *tuple = &actions.at[actions.count - 1].send.segment.tuple;
    assert_true(ftun_address_equal(&tuple->local.ip, local));
}

static void every_address_answers_for_itself(void **state)
{
    (void)state;
    const struct ftun_address locals[] = {ipv4(192, 0, 2, 1), ipv4(169, 254, 0, 1),
                                          ipv4(198, 51, 100, 7), ipv6(7)};
    create(config_of_host());
    for (uint32_t i = 0; i < 4; i++) {
        const struct peer client = client_of(locals[i]);
        give(client, FTUN_SYN, 100, 0, "");
        assert_left_from(&locals[i]);
        happened();
        give(client, FTUN_ACK, 101, own_isn + 1, "");
        assert_int_equal(actions.at[0].kind, FTUN_ACTION_OPEN);
        assert_int_equal(actions.at[0].flow, i); /* same client, same port: yet another flow */
        happened();
        send_datagrams(i, 4, 4);
        assert_left_from(&locals[i]);
        happened();
    }
}

static void F10_strangers_are_answered_from_where_they_have_knocked(void **state)
{
    (void)state;
    const struct ftun_address local = ipv4(192, 0, 2, 1);
    create(config_of_host());
    give(client_of(local), FTUN_ACK, 100, 777, "data");
    assert_left_from(&local);
    assert_string_equal(happened(), "> R 777:777(0) win 0");
}

static void what_is_for_no_host_or_for_one_link_only_is_not_ours(void **state)
{
    (void)state;
    const struct ftun_address locals[] = {
        ipv4(255, 255, 255, 255),
        ipv4(224, 0, 0, 1),
        ipv4(0, 0, 0, 0),
        {.bytes = {0xff, 2, [15] = 1}, .family = FTUN_IPV6},
        {.bytes = {0xfe, 0x80, [15] = 1}, .family = FTUN_IPV6},
    };
    create(config_of_host());
    for (uint64_t i = 0; i < 5; i++) {
        give(client_of(locals[i]), FTUN_SYN, 100, 0, "");
        assert_string_equal(happened(), "");
        assert_int_equal(refused(FTUN_REFUSED_NOT_OURS_ADDRESS), i + 1);
    }
}

static void the_port_still_counts(void **state)
{
    (void)state;
    create(config_of_host());
    struct peer client = client_of(ipv4(192, 0, 2, 1));
    client.to.port = 4568;
    give(client, FTUN_SYN, 100, 0, "");
    assert_string_equal(happened(), "");
    assert_int_equal(refused(FTUN_REFUSED_NOT_OURS_ADDRESS), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(every_address_answers_for_itself, endpoint_tear_down),
        cmocka_unit_test_teardown(F10_strangers_are_answered_from_where_they_have_knocked,
                                  endpoint_tear_down),
        cmocka_unit_test_teardown(what_is_for_no_host_or_for_one_link_only_is_not_ours,
                                  endpoint_tear_down),
        cmocka_unit_test_teardown(the_port_still_counts, endpoint_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
