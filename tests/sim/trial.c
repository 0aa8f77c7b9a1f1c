/* A trial has four parts: a bad network, perhaps with an outage at its end; a good one, in which
 * each application must be heard and answered; silence; and the end of all flows, after which there
 * is nothing left of them. */
#include "trial.h"

/* What the product promises: traffic is back in this time after the path is, and some round
 * trips. */
#define RECOVERY_TIME (3 * FTUN_SECOND)
enum { RECOVERY_ROUND_TRIPS = 4 };

/* All FINs of a flow that holds a number the application's next flow needs, and its TIME_WAIT; all
 * SYNs to an address where nobody is any more. */
#define CLOSE_TIME (FTUN_FIN_PATIENCE + FTUN_TIME_WAIT_DURATION)
#define SYN_TIME ((FTUN_SYN_RETRIES + 1) * FTUN_RETRANSMIT_TIMEOUT)

/* What a flow may still cost when nobody speaks: FINs, RSTs, ACKs, probes; and where Phantun's
 * dialect makes of each close a reset, handshakes that come too early. */
enum { QUIET_PACKETS = 40, QUIET_PACKETS_PHANTUN = 160 };

static const uint64_t settling_time = 12 * FTUN_SECOND;
static const uint64_t silence = 60 * FTUN_SECOND;

/* --- the network is good ------------------------------------------------------------------ */

static const struct sim_application *unheard(const struct sim_world *world)
{
    for (uint32_t i = 0; i < world->scenario.applications; i++)
        if (!world->applications[i].heard || !world->applications[i].answered)
            return &world->applications[i];
    return NULL;
}

static bool is_crowded(const struct sim_world *world, enum sim_side side)
{
    const struct sim_scenario *scenario = &world->scenario;
    const uint32_t used = ftun_endpoint_flow_count(world->ends[side].endpoint);
    const bool by_source = side == SIM_SERVER && scenario->max_flows_per_source > 0;
    const uint32_t places = by_source ? scenario->max_flows_per_source : scenario->max_flows;
    return used + 2 * scenario->applications > places;
}

/* Phantun's dialect has no acknowledgments: whether such a connection is alive, only an application
 * that is answered can tell. */
static bool speaks_phantun(const struct sim_end *client)
{
    for (uint32_t i = 0; i < client->config.max_flows; i++)
        if (client->flows[i].open && client->flows[i].phantun)
            return true;
    return false;
}

/* A server's flow yields to one of its own address only by its idle timeout. */
static uint64_t time_until_yielded(const struct sim_scenario *scenario)
{
    const bool by_source = scenario->max_flows_per_source > 0;
    return by_source || scenario->idle_timeout_ns < FTUN_YIELD_AFTER ? scenario->idle_timeout_ns
                                                                     : FTUN_YIELD_AFTER;
}

static uint64_t recovery_time(const struct sim_world *world)
{
    const struct sim_scenario *scenario = &world->scenario;
    const uint64_t round_trip = 2 * (scenario->quality.delay_ns + scenario->quantum_ns);
    uint64_t time = RECOVERY_TIME + RECOVERY_ROUND_TRIPS * round_trip;
    /* no second connection can be tried beside the first, nor before a flow that is closing ends */
    if (is_crowded(world, SIM_CLIENT))
        time += FTUN_DEAD_AFTER_DEFAULT + CLOSE_TIME;
    /* there is room again when flows whose peers are gone, as those of a NAT's former ports, have
     * been idle for long enough, or yield */
    if (is_crowded(world, SIM_SERVER))
        time += CLOSE_TIME + time_until_yielded(scenario);
    if (speaks_phantun(&world->ends[SIM_CLIENT]))
        time += scenario->idle_timeout_ns;
    /* the SYNs under way are to where the server was */
    if (world->moved_at_ns > 0)
        time += SYN_TIME;
    return time;
}

static void recover(struct sim_world *world)
{
    sim_world_become_good(world);
    const uint64_t deadline = world->now_ns + recovery_time(world);
    while (unheard(world) != NULL && world->now_ns < deadline && !world->report.violated)
        sim_world_run(world, world->now_ns + FTUN_SECOND / 2);
    const struct sim_application *application = unheard(world);
    if (application != NULL)
        sim_violated(&world->report, "application %u is not %s although the network is good",
                     (unsigned)(application - world->applications),
                     application->heard ? "answered" : "heard");
}

/* --- nobody speaks ------------------------------------------------------------------------ */

static uint32_t flows(const struct sim_world *world)
{
    return ftun_endpoint_flow_count(world->ends[SIM_CLIENT].endpoint) +
           ftun_endpoint_flow_count(world->ends[SIM_SERVER].endpoint);
}

static void check_closed(struct sim_world *world, enum sim_side side)
{
    const struct sim_end *end = &world->ends[side];
    if (end->closing && ftun_endpoint_closing_count(end->endpoint) > 0)
        sim_violated(&world->report, "closing all flows of the %s does not end",
                     side == SIM_CLIENT ? "client" : "server");
}

static void close(struct sim_world *world)
{
    const enum sim_ending ending = world->scenario.ending;
    world->ends[SIM_CLIENT].closing = ending == SIM_CLIENT_CLOSES || ending == SIM_BOTH_CLOSE;
    world->ends[SIM_SERVER].closing = ending == SIM_SERVER_CLOSES || ending == SIM_BOTH_CLOSE;
    for (unsigned side = 0; side < SIM_SIDES; side++)
        sim_end_finish_turn(world, &world->ends[side]);
    sim_world_run(world, world->now_ns + CLOSE_TIME + FTUN_SECOND);
    check_closed(world, SIM_CLIENT);
    check_closed(world, SIM_SERVER);
    world->ends[SIM_CLIENT].closing = world->ends[SIM_SERVER].closing = false;
}

/* Each datagram that an application gave has been sent or refused, and the refusal counted. */
static void check_accounts(struct sim_world *world, const struct sim_end *end)
{
    const struct ftun_counters *counters = ftun_endpoint_counters(end->endpoint);
    const uint64_t *refused = counters->refused;
    const uint64_t accounted =
        counters->datagrams_sent + refused[FTUN_REFUSED_DATAGRAM_EMPTY] +
        refused[FTUN_REFUSED_DATAGRAM_TOO_LARGE] + refused[FTUN_REFUSED_WINDOW_FULL] +
        refused[FTUN_REFUSED_PENDING_FULL] + refused[FTUN_REFUSED_DATAGRAM_LIKE_RECORD] +
        refused[FTUN_REFUSED_FLOW_CLOSING];
    if (accounted != end->given)
        sim_violated(&world->report, "%llu datagrams given, %llu accounted for",
                     (unsigned long long)end->given, (unsigned long long)accounted);
    for (uint32_t i = 0; i < end->config.max_flows; i++)
        if (end->flows[i].open)
            sim_violated(&world->report, "flow %u is gone and has not been reported closed", i);
}

static void fall_silent(struct sim_world *world)
{
    world->quiet = true;
    world->undisturbed = world->scenario.ending == SIM_NOBODY_CLOSES;
    const uint64_t each =
        speaks_phantun(&world->ends[SIM_CLIENT]) ? QUIET_PACKETS_PHANTUN : QUIET_PACKETS;
    const uint64_t budget = each * (uint64_t)(flows(world) + world->agenda.count);
    world->packets_max = world->network.packets + budget;
    sim_world_run(world, world->now_ns + settling_time);
    close(world);
    sim_world_run(world, world->now_ns + world->scenario.idle_timeout_ns + CLOSE_TIME);
    if (flows(world) > 0)
        sim_violated(&world->report, "%u flows are left when all should have ended", flows(world));
}

/* The path is dead in the end, so that it comes back when it becomes good. */
static void suffer_outage(struct sim_world *world)
{
    const uint64_t until = world->now_ns + world->scenario.outage_ns;
    world->excused = true;
    world->network.dark_until_ns[SIM_CLIENT] = world->network.dark_until_ns[SIM_SERVER] = until;
    sim_world_run(world, until);
}

static void stay_silent(struct sim_world *world)
{
    world->packets_max = world->network.packets; /* none */
    sim_world_run(world, world->now_ns + silence);
    check_accounts(world, &world->ends[SIM_CLIENT]);
    check_accounts(world, &world->ends[SIM_SERVER]);
}

bool sim_trial_run(struct sim_world *world, const struct sim_scenario *scenario)
{
    static void (*const parts[])(struct sim_world *) = {recover, fall_silent, stay_silent};
    sim_world_start(world, scenario);
    sim_world_run(world, scenario->bad_ns);
    if (scenario->outage_ns > 0)
        suffer_outage(world);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && !world->report.violated; i++)
        parts[i](world);
    if (world->report.violated)
        return false;
    sim_end_kill(world, &world->ends[SIM_CLIENT]);
    sim_end_kill(world, &world->ends[SIM_SERVER]);
    return true;
}
