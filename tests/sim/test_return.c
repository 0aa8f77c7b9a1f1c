/* Rows F11 to F19 of FAILURES.md: a flow goes on, whatever becomes of its connections. */
#include "calm.h"
#include "dial.h"

enum { APPLICATIONS = 10 };

static const uint64_t promised = 3 * FTUN_SECOND;
static const uint64_t round_trips = 4 * 20 * FTUN_MILLISECOND;
static const uint64_t minute = 60 * FTUN_SECOND;

/* All speak, and are heard. */
static struct sim_world *start_conversation(const struct sim_scenario *scenario)
{
    struct sim_world *world = calm_start(scenario);
    calm_run(world, 5 * FTUN_SECOND);
    return world;
}

static struct sim_end *end_of(struct sim_world *world, enum sim_side side)
{
    return &world->ends[side];
}

static const struct sim_flow *client_flow(const struct sim_world *world, uint32_t flow)
{
    return &world->ends[SIM_CLIENT].flows[flow];
}

static void darken(struct sim_world *world, enum sim_side to)
{
    world->network.dark_until_ns[to] = FTUN_NEVER;
}

/* The flows are those of the beginning, and each has left its first connection since then. */
static void assert_all_failed_since(const struct sim_world *world, uint64_t since_ns)
{
    for (uint32_t i = 0; i < APPLICATIONS; i++) {
        assert_true(client_flow(world, i)->open);
        assert_in_range(client_flow(world, i)->failed_at_ns, since_ns, world->now_ns);
    }
}

static void assert_none_failed(const struct sim_world *world)
{
    for (uint32_t i = 0; i < APPLICATIONS; i++) {
        assert_true(client_flow(world, i)->open);
        assert_true(client_flow(world, i)->failed_at_ns == FTUN_NEVER);
    }
    assert_int_equal(calm_counters(world, SIM_CLIENT)->flows_closed, 0);
}

/* What is sent from now on is heard and answered in time. */
static void assert_traffic_returns_within(struct sim_world *world, uint64_t time_ns)
{
    sim_world_become_good(world);
    calm_run(world, time_ns);
    for (uint32_t i = 0; i < world->scenario.applications; i++) {
        assert_true(world->applications[i].heard);
        assert_true(world->applications[i].answered);
    }
    sim_world_destroy(world);
}

/* --- F11 ---------------------------------------------------------------------------------- */

static void F11_a_dead_path_is_left_within_15_s_and_back_3_s_after_it_is(void **state)
{
    (void)state;
    const struct sim_scenario scenario = calm_scenario(APPLICATIONS);
    struct sim_world *world = start_conversation(&scenario);
    const uint64_t dead_since = world->now_ns;
    darken(world, SIM_CLIENT);
    darken(world, SIM_SERVER);
    calm_run(world, FTUN_DEAD_AFTER_DEFAULT + 2 * scenario.speak_ns);
    assert_all_failed_since(world, dead_since);
    calm_run(world, 10 * minute);
    assert_int_equal(calm_counters(world, SIM_CLIENT)->flows_closed, 0);
    assert_traffic_returns_within(world, promised + round_trips);
}

/* The server hears all that the client sends; the client, nothing. */
static void F11_own_sends_do_not_keep_a_path_alive(void **state)
{
    (void)state;
    const struct sim_scenario scenario = calm_scenario(APPLICATIONS);
    struct sim_world *world = start_conversation(&scenario);
    const uint64_t dead_since = world->now_ns;
    darken(world, SIM_CLIENT);
    calm_run(world, FTUN_DEAD_AFTER_DEFAULT + 2 * scenario.speak_ns);
    assert_all_failed_since(world, dead_since);
    assert_traffic_returns_within(world, promised + round_trips);
}

static void F11_an_idle_path_that_dies_is_found_by_keepalive(void **state)
{
    (void)state;
    const struct sim_scenario scenario = calm_scenario(APPLICATIONS);
    struct sim_world *world = start_conversation(&scenario);
    world->quiet = true;
    calm_run(world, FTUN_SECOND);
    const uint64_t dead_since = world->now_ns;
    darken(world, SIM_CLIENT);
    darken(world, SIM_SERVER);
    calm_run(world, FTUN_KEEPALIVE_DEFAULT + FTUN_DEAD_AFTER_DEFAULT);
    assert_all_failed_since(world, dead_since);
    sim_world_destroy(world);
}

static void F11_a_path_that_loses_one_packet_in_ten_is_never_left(void **state)
{
    (void)state;
    struct sim_scenario scenario = calm_scenario(APPLICATIONS);
    scenario.quality.loss = SIM_CERTAIN / 10;
    struct sim_world *world = calm_start(&scenario);
    calm_run(world, 60 * minute);
    assert_none_failed(world);
    sim_world_destroy(world);
}

/* --- NATs --------------------------------------------------------------------------------- */

static void F11_what_a_nat_has_forgotten_without_a_word_is_back_within_3_s(void **state)
{
    (void)state;
    struct sim_scenario scenario = calm_scenario(APPLICATIONS);
    scenario.nat = scenario.strict = true;
    struct sim_world *world = start_conversation(&scenario);
    sim_nat_rebind(&world->network.nat);
    assert_traffic_returns_within(world, promised + round_trips);
}

static void one_connection_that_a_middlebox_drops_is_replaced_within_3_s(void **state)
{
    (void)state;
    const struct sim_scenario scenario = calm_scenario(APPLICATIONS);
    struct sim_world *world = start_conversation(&scenario);
    sim_nat_forget(&world->network.nat, client_flow(world, 0)->port);
    assert_traffic_returns_within(world, promised + round_trips);
}

static void F19_a_client_with_another_address_is_back_within_3_s(void **state)
{
    (void)state;
    struct sim_scenario scenario = calm_scenario(APPLICATIONS);
    scenario.nat = true;
    struct sim_world *world = start_conversation(&scenario);
    world->excused = true;
    sim_nat_move(&world->network.nat);
    assert_traffic_returns_within(world, promised + round_trips);
}

/* The network has told the host: nobody waits for an answer that cannot come. */
static void F19_a_client_whose_host_has_moved_is_back_within_a_second(void **state)
{
    (void)state;
    struct sim_scenario scenario = calm_scenario(APPLICATIONS);
    scenario.nat = scenario.strict = true;
    struct sim_world *world = start_conversation(&scenario);
    world->excused = true;
    sim_world_move_client(world);
    assert_traffic_returns_within(world, FTUN_SECOND);
}

/* --- resumption --------------------------------------------------------------------------- */

/* The server's applications see the same flow, whatever becomes of its connections. */
static void a_flow_that_is_resumed_is_the_same_at_the_server(void **state)
{
    (void)state;
    struct sim_scenario scenario = calm_scenario(APPLICATIONS);
    scenario.nat = scenario.strict = scenario.resumes = true;
    struct sim_world *world = start_conversation(&scenario);
    for (unsigned i = 0; i < 5; i++) {
        sim_nat_move(&world->network.nat);
        calm_run(world, promised + 2 * scenario.speak_ns);
    }
    assert_int_equal(calm_counters(world, SIM_SERVER)->flows_opened, APPLICATIONS);
    assert_int_equal(calm_counters(world, SIM_SERVER)->flows_closed, 0);
    assert_traffic_returns_within(world, promised + round_trips);
}

/* --- F12 ---------------------------------------------------------------------------------- */

/* Acknowledgments are all that comes back: without them conntrack forgets the connection after five
 * minutes. */
static void F12_one_way_traffic_is_acknowledged_for_hours(void **state)
{
    (void)state;
    struct sim_scenario scenario = calm_scenario(1);
    scenario.answer = 0;
    scenario.longest = 64;
    scenario.speak_ns = FTUN_SECOND;
    struct sim_world *world = start_conversation(&scenario);
    for (unsigned minutes = 0; minutes < 4 * 60; minutes++) {
        calm_run(world, minute);
        const uint64_t heard_at = world->dial.heard_at_ns[client_flow(world, 0)->port];
        assert_in_range(world->now_ns - heard_at, 0, 3 * scenario.speak_ns);
    }
    world->quiet = true;
    calm_run(world, FTUN_SECOND);
    assert_true(calm_counters(world, SIM_SERVER)->bytes_delivered > 4 * 3600 * 1000);
    assert_int_equal(calm_counters(world, SIM_SERVER)->flows_opened, 1);
    assert_int_equal(calm_counters(world, SIM_SERVER)->flows_closed, 0);
    assert_all_delivered_once(&world->ledger.streams[0]);
    sim_world_destroy(world);
}

/* --- F14, F15 ----------------------------------------------------------------------------- */

/* The name is asked for when a connection fails, or is doubtful; the handshake of that moment is
 * still with the address from before, and given up after a second. */
static void F14_a_server_that_moves_is_found_by_its_name(void **state)
{
    (void)state;
    const struct sim_scenario scenario = calm_scenario(APPLICATIONS);
    struct sim_world *world = start_conversation(&scenario);
    sim_world_move_server(world);
    assert_traffic_returns_within(world, promised + 2 * FTUN_SECOND + round_trips);
}

static const struct ftun_socket_address nowhere = {
    .ip = {.bytes = {192, 168, 9, 9}, .family = FTUN_IPV4}, .port = 4567};

static void F15_an_address_without_answer_costs_a_quarter_of_a_second(void **state)
{
    (void)state;
    const struct sim_scenario scenario = calm_scenario(APPLICATIONS);
    struct sim_world *world = calm_start(&scenario);
    const struct ftun_address own = end_of(world, SIM_CLIENT)->config.path.local;
    const struct ftun_path both[] = {{nowhere, own}, {world->server, own}};
    ftun_endpoint_set_paths(end_of(world, SIM_CLIENT)->endpoint, both, 2);
    calm_run(world, scenario.speak_ns + FTUN_ATTEMPT_DELAY + round_trips);
    for (uint32_t i = 0; i < APPLICATIONS; i++)
        assert_true(client_flow(world, i)->mss != 0);
    sim_world_destroy(world);
}

static void F15_handshakes_without_answer_disturb_no_other_flow(void **state)
{
    (void)state;
    const struct sim_scenario scenario = calm_scenario(APPLICATIONS);
    struct sim_world *world = start_conversation(&scenario);
    const struct ftun_socket_address server = world->server;
    const uint32_t application = client_flow(world, 0)->owner;
    world->server = nowhere;
    sim_dial_resolved(world);
    world->excused = true;
    sim_end_close_flow(world, end_of(world, SIM_CLIENT), 0);
    calm_run(world, minute);
    assert_int_equal(calm_counters(world, SIM_CLIENT)->flows_closed, 1);
    world->server = server;
    calm_run(world, FTUN_SYN_RETRIES * FTUN_SECOND + promised);
    world->quiet = true;
    calm_run(world, FTUN_SECOND);
    for (uint32_t i = 0; i < APPLICATIONS; i++)
        if (i != application)
            assert_all_delivered_once(&world->ledger.streams[i]);
    const struct sim_stream *stream = &world->ledger.streams[application];
    assert_int_equal(stream->entries[stream->count - 1].delivered, 1);
    sim_world_destroy(world);
}

/* --- F17 ---------------------------------------------------------------------------------- */

static void F17_flows_are_back_3_s_after_a_server_that_was_killed(void **state)
{
    (void)state;
    for (unsigned host_resets = 0; host_resets < 2; host_resets++)
        for (unsigned seconds = 0; seconds < 10; seconds += 3) {
            struct sim_scenario scenario = calm_scenario(APPLICATIONS);
            scenario.host_resets = host_resets == 1;
            struct sim_world *world = start_conversation(&scenario);
            sim_end_kill(world, end_of(world, SIM_SERVER));
            world->excused = true;
            calm_run(world, seconds * FTUN_SECOND);
            sim_end_revive(world, end_of(world, SIM_SERVER));
            assert_traffic_returns_within(world, promised + round_trips);
        }
}

static void F17_a_shutdown_ends_all_flows_at_both_ends_within_1_s(void **state)
{
    (void)state;
    for (unsigned side = 0; side < SIM_SIDES; side++) {
        const struct sim_scenario scenario = calm_scenario(APPLICATIONS);
        struct sim_world *world = start_conversation(&scenario);
        world->quiet = world->excused = true;
        end_of(world, (enum sim_side)side)->closing = true;
        sim_end_finish_turn(world, end_of(world, (enum sim_side)side));
        calm_run(world, FTUN_SECOND);
        assert_int_equal(ftun_endpoint_closing_count(end_of(world, SIM_CLIENT)->endpoint), 0);
        assert_int_equal(ftun_endpoint_closing_count(end_of(world, SIM_SERVER)->endpoint), 0);
        sim_world_destroy(world);
    }
}

/* An hour without an answer: the first second has more SYNs, the rest at most one a second. */
static void F17_a_dead_server_gets_no_flood_of_syns(void **state)
{
    (void)state;
    enum { SECONDS = 3600 };
    struct sim_scenario scenario = calm_scenario(1);
    struct sim_world *world = start_conversation(&scenario);
    darken(world, SIM_CLIENT);
    const uint64_t sent = calm_counters(world, SIM_CLIENT)->segments_sent;
    calm_run(world, SECONDS * FTUN_SECOND);
    const uint64_t syns = calm_counters(world, SIM_CLIENT)->segments_sent - sent;
    assert_in_range(syns, SECONDS / 2, SECONDS + 100);
    sim_world_destroy(world);
}

/* --- F19 ---------------------------------------------------------------------------------- */

static void assert_returns_after_sleep(enum sim_side side, bool clock_stands, uint64_t sleep_ns)
{
    struct sim_scenario scenario = calm_scenario(APPLICATIONS);
    scenario.nat = scenario.strict = true; /* what it knew is long forgotten, too */
    struct sim_world *world = start_conversation(&scenario);
    world->excused = true;
    sim_end_sleep(world, end_of(world, side), clock_stands);
    calm_run(world, sleep_ns);
    sim_nat_rebind(&world->network.nat);
    assert_traffic_returns_within(world, promised + round_trips);
}

static void F19_traffic_is_back_3_s_after_a_suspended_host_is(void **state)
{
    (void)state;
    static const uint64_t sleeps[] = {10 * FTUN_SECOND, 100 * FTUN_SECOND, 3600 * FTUN_SECOND};
    for (unsigned side = 0; side < SIM_SIDES; side++)
        for (size_t i = 0; i < LENGTH(sleeps); i++) {
            assert_returns_after_sleep((enum sim_side)side, false, sleeps[i]);
            assert_returns_after_sleep((enum sim_side)side, true, sleeps[i]);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(F11_a_dead_path_is_left_within_15_s_and_back_3_s_after_it_is),
        cmocka_unit_test(F11_own_sends_do_not_keep_a_path_alive),
        cmocka_unit_test(F11_an_idle_path_that_dies_is_found_by_keepalive),
        cmocka_unit_test(F11_a_path_that_loses_one_packet_in_ten_is_never_left),
        cmocka_unit_test(F11_what_a_nat_has_forgotten_without_a_word_is_back_within_3_s),
        cmocka_unit_test(one_connection_that_a_middlebox_drops_is_replaced_within_3_s),
        cmocka_unit_test(a_flow_that_is_resumed_is_the_same_at_the_server),
        cmocka_unit_test(F12_one_way_traffic_is_acknowledged_for_hours),
        cmocka_unit_test(F14_a_server_that_moves_is_found_by_its_name),
        cmocka_unit_test(F15_an_address_without_answer_costs_a_quarter_of_a_second),
        cmocka_unit_test(F15_handshakes_without_answer_disturb_no_other_flow),
        cmocka_unit_test(F17_flows_are_back_3_s_after_a_server_that_was_killed),
        cmocka_unit_test(F17_a_shutdown_ends_all_flows_at_both_ends_within_1_s),
        cmocka_unit_test(F17_a_dead_server_gets_no_flood_of_syns),
        cmocka_unit_test(F19_a_client_with_another_address_is_back_within_3_s),
        cmocka_unit_test(F19_a_client_whose_host_has_moved_is_back_within_a_second),
        cmocka_unit_test(F19_traffic_is_back_3_s_after_a_suspended_host_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
