/* Rows of FAILURES.md for which a whole world, or very many packets, are the right place. */
#include "calm.h"
#include "endpoint_state.h"

#include <stdlib.h>

static struct ftun_endpoint *server_of(const struct sim_world *world)
{
    return world->ends[SIM_SERVER].endpoint;
}

/* Write a segment without payload for the server. */
static size_t write_segment(uint8_t *out, struct ftun_address source, uint16_t port, uint8_t flags)
{
    const struct ftun_segment segment = {
        .tuple = {.local = at(source, port), .remote = at(ipv4(192, 168, 0, 1), 4567)},
        .tcp = {.sequence = 7, .acknowledgment = 9, .window = 64240, .flags = flags},
        .ttl = 64,
    };
    return ftun_segment_emit(&segment, FTUN_CHECKSUM_FULL, 0, out);
}

/* Give it to the server; returns how many segments that sends, and asserts that nothing else
 * happens. */
static size_t give(struct sim_world *world, const uint8_t *packet, size_t len)
{
    static struct ftun_actions actions;
    const struct ftun_tunnel_packet given = {.data = packet, .len = len};
    ftun_endpoint_packet(server_of(world), world->now_ns, &given, &actions);
    for (size_t i = 0; i < actions.count; i++) {
        assert_int_equal(actions.at[i].kind, FTUN_ACTION_SEND);
        assert_int_equal(actions.at[i].flow, FTUN_NO_FLOW);
    }
    return actions.count;
}

/* --- F04 ---------------------------------------------------------------------------------- */

static void F04_when_each_packet_comes_twice_each_flow_opens_once(void **state)
{
    (void)state;
    enum { APPLICATIONS = 50 };
    struct sim_scenario scenario = calm_scenario(APPLICATIONS);
    scenario.quality.duplication = SIM_CERTAIN;
    scenario.quality.jitter_ns = 100 * FTUN_MILLISECOND;
    struct sim_world *world = calm_start(&scenario);
    calm_run(world, 10 * FTUN_SECOND);
    assert_int_equal(calm_counters(world, SIM_CLIENT)->flows_opened, APPLICATIONS);
    assert_int_equal(calm_counters(world, SIM_SERVER)->flows_opened, APPLICATIONS);
    assert_int_equal(calm_counters(world, SIM_SERVER)->flows_closed, 0);
    sim_world_destroy(world);
}

static void F04_a_second_syn_of_a_live_tuple_disturbs_nothing(void **state)
{
    (void)state;
    const struct sim_scenario scenario = calm_scenario(1);
    struct sim_world *world = calm_start(&scenario);
    calm_run(world, 2 * FTUN_SECOND);
    const uint16_t port = world->ends[SIM_CLIENT].endpoint->table.flows[0].tuple.local.port;
    uint8_t syn[FTUN_HEADERS_MAX];
    const size_t len = write_segment(syn, ipv4(192, 168, 0, 2), port, FTUN_SYN);
    static struct ftun_actions actions;
    const struct ftun_tunnel_packet packet = {.data = syn, .len = len};
    ftun_endpoint_packet(server_of(world), world->now_ns, &packet, &actions);
    assert_int_equal(
        calm_counters(world, SIM_SERVER)->refused[FTUN_REFUSED_SEQUENCE_OUTSIDE_WINDOW], 1);
    calm_run(world, 2 * FTUN_SECOND);
    world->quiet = true;
    calm_run(world, FTUN_SECOND);
    assert_int_equal(calm_counters(world, SIM_SERVER)->flows_opened, 1);
    assert_all_delivered_once(&world->ledger.streams[0]);
    sim_world_destroy(world);
}

/* --- F05 ---------------------------------------------------------------------------------- */

static void F05_ten_thousand_flows_closed_at_once_disturb_no_other(void **state)
{
    (void)state;
    enum { FLOWS = 10000 };
    const struct sim_scenario scenario = calm_scenario(FLOWS + 1);
    struct sim_world *world = calm_start(&scenario);
    calm_run(world, 2 * FTUN_SECOND);
    assert_int_equal(ftun_endpoint_flow_count(server_of(world)), FLOWS + 1);
    struct sim_end *server = &world->ends[SIM_SERVER];
    for (uint32_t i = 0; i < scenario.max_flows; i++)
        if (server->flows[i].open && world->upstreams[server->flows[i].owner].application != 0)
            sim_end_close_flow(world, server, i);
    assert_int_equal(calm_counters(world, SIM_SERVER)->flows_closed, FLOWS);
    calm_run(world, 3 * FTUN_SECOND);
    world->quiet = true;
    calm_run(world, FTUN_SECOND);
    assert_all_delivered_once(&world->ledger.streams[0]);
    sim_world_destroy(world);
}

/* --- F07 ---------------------------------------------------------------------------------- */

static void F07_a_million_spoofed_syns_leave_memory_and_live_flows_unchanged(void **state)
{
    (void)state;
    enum { ROUNDS = 1000, SYNS = 1000 };
    const struct sim_scenario scenario = calm_scenario(1);
    struct sim_world *world = calm_start(&scenario);
    calm_run(world, FTUN_SECOND);
    struct sim_end *server = &world->ends[SIM_SERVER];
    const size_t size = ftun_endpoint_size(&server->config);
    const size_t tables = sizeof(struct ftun_endpoint); /* before them: counters, rate limit */
    uint8_t *before = malloc(size);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        memcpy(before, server->memory, size);
        for (uint32_t i = 0; i < SYNS; i++) {
            uint8_t syn[FTUN_HEADERS_MAX];
            const struct ftun_address source =
                ipv4((uint8_t)(11 + i / 250), (uint8_t)(i % 250), (uint8_t)round, 9);
            const size_t len = write_segment(syn, source, (uint16_t)(round + i), FTUN_SYN);
            assert_int_equal(give(world, syn, len), 1);
        }
        assert_memory_equal((uint8_t *)server->memory + tables, before + tables, size - tables);
        calm_run(world, 10 * FTUN_MILLISECOND);
    }
    free(before);
    assert_int_equal(ftun_endpoint_flow_count(server->endpoint), 1);
    world->quiet = true;
    calm_run(world, FTUN_SECOND);
    assert_all_delivered_once(&world->ledger.streams[0]);
    sim_world_destroy(world);
}

/* --- F10 ---------------------------------------------------------------------------------- */

/* Both forget everything while their packets are under way. */
static void F10_two_ends_that_do_not_know_each_other_fall_silent(void **state)
{
    (void)state;
    const struct sim_scenario scenario = calm_scenario(50);
    struct sim_world *world = calm_start(&scenario);
    while (world->agenda.count < 80) /* 50 of them are the applications' */
        calm_run(world, FTUN_MILLISECOND);
    const uint64_t under_way = world->agenda.count - 50;
    const uint64_t sent = world->network.packets;
    world->quiet = true;
    for (unsigned side = 0; side < SIM_SIDES; side++) {
        sim_end_kill(world, &world->ends[side]);
        sim_end_revive(world, &world->ends[side]);
    }
    calm_run(world, 10 * FTUN_SECOND);
    assert_true(world->network.packets > sent);
    assert_true(world->network.packets - sent <= under_way);
    const uint64_t rested = world->network.packets;
    calm_run(world, 600 * FTUN_SECOND);
    assert_int_equal(world->network.packets, rested);
    sim_world_destroy(world);
}

static void
F10_a_reset_is_never_answered_and_other_strangers_a_thousand_times_a_second(void **state)
{
    (void)state;
    enum { STRANGERS = 10000 };
    const struct sim_scenario scenario = calm_scenario(1);
    struct sim_world *world = calm_start(&scenario);
    calm_run(world, 2 * FTUN_SECOND);
    uint8_t packet[FTUN_HEADERS_MAX];
    size_t answers = 0;
    for (uint32_t i = 0; i < STRANGERS; i++) {
        size_t len = write_segment(packet, ipv4(11, 0, 0, 1), (uint16_t)i, FTUN_RST | FTUN_ACK);
        assert_int_equal(give(world, packet, len), 0);
        len = write_segment(packet, ipv4(11, 0, 0, 1), (uint16_t)i, FTUN_FIN | FTUN_ACK);
        answers += give(world, packet, len);
    }
    assert_int_equal(answers, FTUN_ANSWERS_PER_SECOND);
    assert_int_equal(calm_counters(world, SIM_SERVER)->answers_suppressed, STRANGERS - answers);
    sim_world_destroy(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(F04_when_each_packet_comes_twice_each_flow_opens_once),
        cmocka_unit_test(F04_a_second_syn_of_a_live_tuple_disturbs_nothing),
        cmocka_unit_test(F05_ten_thousand_flows_closed_at_once_disturb_no_other),
        cmocka_unit_test(F07_a_million_spoofed_syns_leave_memory_and_live_flows_unchanged),
        cmocka_unit_test(F10_two_ends_that_do_not_know_each_other_fall_silent),
        cmocka_unit_test(
            F10_a_reset_is_never_answered_and_other_strangers_a_thousand_times_a_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
