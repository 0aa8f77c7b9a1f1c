/* A trial has four parts: a bad network; a good one, in which each application must be heard and
 * answered; silence; and the end of all flows, after which there is nothing left of them. */
#include "trial.h"

/* The longest that a core without liveness detection takes to find out, once packets pass again:
 * all FINs of a flow that holds a number the application's next flow needs, its TIME_WAIT, all SYNs
 * of the next flow, and the pause of a client whose server has refused. */
#define FIN_TIME FTUN_FIN_PATIENCE
#define SYN_TIME ((FTUN_SYN_RETRIES + 1) * FTUN_RETRANSMIT_TIMEOUT)
#define CLOSE_TIME (FIN_TIME + FTUN_TIME_WAIT_DURATION)
#define RECOVERY_TIME (CLOSE_TIME + SYN_TIME + FTUN_REDIAL_LAST)

enum {
    QUIET_PACKETS = 40 /* that a flow may still cost when nobody speaks: FINs, RSTs, ACKs */
};

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

/* A table full of flows whose peers are gone, as those of a NAT's former ports, has room again when
 * they have been idle for long enough. */
static uint64_t recovery_time(const struct sim_world *world)
{
    const struct sim_scenario *scenario = &world->scenario;
    const uint32_t used = ftun_endpoint_flow_count(world->ends[SIM_SERVER].endpoint);
    const uint32_t places =
        scenario->max_flows_per_source > 0 ? scenario->max_flows_per_source : scenario->max_flows;
    const bool crowded = used + 2 * scenario->applications > places;
    return RECOVERY_TIME + (crowded ? scenario->idle_timeout_ns + CLOSE_TIME : 0);
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
}

/* Each datagram that an application gave has been sent or refused, and the refusal counted. */
static void check_accounts(struct sim_world *world, const struct sim_end *end)
{
    const struct ftun_counters *counters = ftun_endpoint_counters(end->endpoint);
    const uint64_t *refused = counters->refused;
    const uint64_t accounted =
        counters->datagrams_sent + refused[FTUN_REFUSED_DATAGRAM_EMPTY] +
        refused[FTUN_REFUSED_DATAGRAM_TOO_LARGE] + refused[FTUN_REFUSED_WINDOW_FULL] +
        refused[FTUN_REFUSED_PENDING_FULL] + refused[FTUN_REFUSED_FLOW_CLOSING];
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
    const uint64_t budget = QUIET_PACKETS * (uint64_t)(flows(world) + world->agenda.count);
    world->packets_max = world->network.packets + budget;
    sim_world_run(world, world->now_ns + settling_time);
    close(world);
    sim_world_run(world, world->now_ns + world->scenario.idle_timeout_ns + CLOSE_TIME);
    if (flows(world) > 0)
        sim_violated(&world->report, "%u flows are left when all should have ended", flows(world));
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
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && !world->report.violated; i++)
        parts[i](world);
    if (world->report.violated)
        return false;
    sim_end_kill(world, &world->ends[SIM_CLIENT]);
    sim_end_kill(world, &world->ends[SIM_SERVER]);
    return true;
}
