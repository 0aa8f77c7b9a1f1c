/* Strict firewalls have no objection to anything that two ends and a bad network do. */
#include "conntrack.h"
#include "trial.h"
#include "unit.h"

enum { SEEDS = 200, VALIDATE_EVERY = 10000 };

/* Loss, duplication, reordering, jitter and a path that becomes too small; closes and reconnects.
 * Nobody forges or alters packets, and no end forgets what it knew: any firewall objects to what
 * comes of that. Fragments it would have to join first. */
static void without_forgery(struct sim_scenario *scenario)
{
    scenario->stranger_ns = FTUN_NEVER;
    scenario->disaster_ns = FTUN_NEVER;
    scenario->outage_ns = 0;
    scenario->strict = false;
    scenario->quality.corruption = 0;
    scenario->quality.fragmentation = 0;
}

static void in_order(struct sim_scenario *scenario)
{
    scenario->quality.reordering = 0;
    scenario->quality.jitter_ns = 0;
}

/* More than the first window holds, before anything has been acknowledged. */
static void with_long_bursts(struct sim_scenario *scenario)
{
    scenario->largest = 1400;
    scenario->longest = 64;
}

static void draw(struct sim_scenario *scenario, uint64_t seed, bool ordered)
{
    sim_scenario_draw(scenario, seed);
    without_forgery(scenario);
    if (ordered)
        in_order(scenario);
    if (seed % 4 < 2)
        with_long_bursts(scenario);
}

/* Where packets overtake each other by more than a window, late ones are bound to look old. */
static void assert_no_objection(uint64_t seed, enum sim_side beside)
{
    const bool ordered = seed % 2 == 0;
    struct sim_world *world = sim_world_create(false, VALIDATE_EVERY);
    struct sim_conntrack *watcher = sim_conntrack_create(beside, !ordered);
    struct sim_scenario scenario;
    draw(&scenario, seed, ordered);
    world->network.conntrack = watcher;
    sim_trial_run(world, &scenario);
    if (sim_conntrack_report(watcher)->violated)
        fail_msg("seed %u, beside the %s: %s", (unsigned)seed,
                 beside == SIM_CLIENT ? "client" : "server", sim_conntrack_report(watcher)->text);
    assert_true(sim_conntrack_passed(watcher) > 100);
    sim_conntrack_destroy(watcher);
    sim_world_destroy(world);
}

static void nothing_is_invalid_at_the_clients_side(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        assert_no_objection(seed, SIM_CLIENT);
}

static void nothing_is_invalid_at_the_servers_side(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        assert_no_objection(seed, SIM_SERVER);
}

/* --- that it would object ----------------------------------------------------------------- */

static struct sim_conntrack *conntrack;

static void send_flags(enum sim_side sender, uint8_t flags, uint32_t sequence, uint32_t ack,
                       size_t payload_len)
{
    static const uint8_t payload[1000];
    static const struct ftun_socket_address ends[SIM_SIDES] = {
        {.ip = {.bytes = {192, 168, 0, 2}, .family = FTUN_IPV4}, .port = 40000},
        {.ip = {.bytes = {192, 168, 0, 1}, .family = FTUN_IPV4}, .port = 4567},
    };
    const struct ftun_segment segment = {
        .tuple = {.local = ends[sender], .remote = ends[sim_other(sender)]},
        .tcp = {.sequence = sequence, .acknowledgment = ack, .window = 1000, .flags = flags},
        .payload_len = payload_len,
    };
    struct sim_packet packet = {.to = sim_other(sender)};
    sim_wire_cut(&segment, payload_len, payload, 0, FTUN_CHECKSUM_FULL, &packet);
    sim_conntrack_see(conntrack, &packet);
}

/* The client's next number is 101, the server's 501; windows of 1000 bytes, not scaled. */
static void shake_hands_by(bool forgives_late)
{
    conntrack = sim_conntrack_create(SIM_CLIENT, forgives_late);
    send_flags(SIM_CLIENT, FTUN_SYN, 100, 0, 0);
    send_flags(SIM_SERVER, FTUN_SYN | FTUN_ACK, 500, 101, 0);
    send_flags(SIM_CLIENT, FTUN_ACK, 101, 501, 0);
    assert_false(sim_conntrack_report(conntrack)->violated);
}

static void shake_hands(void)
{
    shake_hands_by(false);
}

static void assert_objects(const char *how)
{
    const struct sim_report *report = sim_conntrack_report(conntrack);
    assert_true(report->violated);
    assert_non_null(strstr(report->text, how));
    sim_conntrack_destroy(conntrack);
}

static void each_rule_has_a_packet_that_breaks_it(void **state)
{
    (void)state;
    shake_hands();
    send_flags(SIM_CLIENT, FTUN_ACK, 101, 501, 1000);
    assert_false(sim_conntrack_report(conntrack)->violated);
    send_flags(SIM_CLIENT, FTUN_ACK, 1101, 501, 1);
    assert_objects("ends beyond the window");
    shake_hands();
    send_flags(SIM_CLIENT, FTUN_ACK, 101, 501, 1000);
    send_flags(SIM_CLIENT, FTUN_ACK, 100, 501, 0);
    assert_objects("lies behind the window");
    shake_hands();
    send_flags(SIM_CLIENT, FTUN_ACK, 101, 502, 0);
    assert_objects("acknowledges what has not passed");
    shake_hands();
    send_flags(SIM_CLIENT, FTUN_ACK, 101, 501u - 66001u, 0);
    assert_objects("acknowledges what is long past");
    shake_hands();
    send_flags(SIM_CLIENT, FTUN_ACK, 101, 501, 10);
    send_flags(SIM_SERVER, FTUN_ACK, 501, 111, 0);
    send_flags(SIM_CLIENT, FTUN_RST, 110, 0, 0);
    assert_objects("resets what is long past");
    shake_hands();
    send_flags(SIM_SERVER, FTUN_ACK, 501, 101, 0);
    send_flags(SIM_CLIENT, FTUN_RST, 101, 0, 0);
    send_flags(SIM_CLIENT, FTUN_SYN, 7100, 0, 0);
    send_flags(SIM_CLIENT, FTUN_ACK, 7101, 501, 0);
    assert_objects("belongs to no connection");
}

static void what_is_late_can_be_forgiven(void **state)
{
    (void)state;
    shake_hands_by(true);
    send_flags(SIM_CLIENT, FTUN_ACK, 101, 501, 1000);
    send_flags(SIM_CLIENT, FTUN_ACK, 100, 501, 0);
    send_flags(SIM_CLIENT, FTUN_ACK, 101, 501u - 66001u, 0);
    assert_false(sim_conntrack_report(conntrack)->violated);
    sim_conntrack_destroy(conntrack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_has_a_packet_that_breaks_it),
        cmocka_unit_test(what_is_late_can_be_forgiven),
        cmocka_unit_test(nothing_is_invalid_at_the_clients_side),
        cmocka_unit_test(nothing_is_invalid_at_the_servers_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
