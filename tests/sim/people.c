/* Applications of the client and upstreams of the server: who says what to whom. */
#include "memory.h"
#include "world.h"

enum { MSS_UNKNOWN = 1000, GOOD_LARGEST = 64 };

static const uint64_t good_interval = FTUN_SECOND / 5;

/* --- speaking ----------------------------------------------------------------------------- */

/* Mostly what this scenario's applications send; now and then exactly what fits, or more. */
static size_t draw_stride(struct sim_world *world, uint32_t largest, uint16_t mss)
{
    if (largest > SIM_LABEL + 100 && sim_random_below(&world->random, 16) == 0)
        return mss + sim_random_below(&world->random, 2);
    return sim_random_between(&world->random, SIM_LABEL, largest);
}

/* Write the datagrams of a burst into world->burst. Returns their bytes. */
static size_t write_burst(struct sim_world *world, uint32_t stream, uint16_t mss, size_t *stride)
{
    struct sim_random *random = &world->random;
    const uint32_t largest = world->good ? GOOD_LARGEST : world->scenario.largest;
    *stride = draw_stride(world, largest, mss != 0 ? mss : MSS_UNKNOWN);
    const uint32_t longest = world->good ? 2 : world->scenario.longest;
    const uint32_t fitting = (uint32_t)(FTUN_BURST_MAX / *stride);
    const uint32_t count = sim_random_between(random, 1, longest < fitting ? longest : fitting);
    size_t len = 0;
    for (uint32_t i = 0; i + 1 < count; i++) {
        sim_ledger_write(&world->ledger, stream, world->burst + len, *stride);
        len += *stride;
    }
    size_t last = *stride; /* the last may be shorter */
    if (sim_random_below(random, 2) == 0)
        last = sim_random_between(random, SIM_LABEL, (uint32_t)*stride);
    sim_ledger_write(&world->ledger, stream, world->burst + len, last);
    if (count == 1)
        *stride = last;
    return len + last;
}

static uint32_t flow_to_speak_in(struct sim_world *world, uint32_t application)
{
    struct sim_end *client = &world->ends[SIM_CLIENT];
    const uint32_t flow = sim_end_flow_of(world, application);
    if (world->scenario.breakage != SIM_BREAK_HASTE || flow == SIM_NOBODY ||
        client->flows[flow].mss != 0)
        return flow;
    sim_end_close_flow(world, client, flow);
    return SIM_NOBODY;
}

void sim_application_speak(struct sim_world *world, uint32_t application)
{
    if (world->quiet)
        return;
    struct sim_end *client = &world->ends[SIM_CLIENT];
    const uint32_t flow = flow_to_speak_in(world, application);
    if (flow != SIM_NOBODY) {
        size_t stride;
        const size_t len = write_burst(world, application, client->flows[flow].mss, &stride);
        sim_end_datagrams(world, client, flow, len, stride);
    }
    const bool dark = world->network.dark_until_ns[SIM_SERVER] > world->now_ns;
    const uint64_t mean = world->good || dark ? good_interval : world->scenario.speak_ns;
    const uint64_t wait = 1 + sim_random_next(&world->random) % (2 * mean);
    sim_agenda_add(&world->agenda, world->now_ns + wait, SIM_APPLICATION_SPEAKS, application, NULL);
}

void sim_upstream_speak(struct sim_world *world, uint32_t upstream)
{
    struct sim_upstream *u = &world->upstreams[upstream];
    u->speaks = false;
    struct sim_end *server = &world->ends[SIM_SERVER];
    if (!u->open || world->quiet || server->asleep)
        return;
    size_t stride;
    const size_t len = write_burst(world, world->scenario.applications + upstream,
                                   server->flows[u->flow].mss, &stride);
    sim_end_datagrams(world, server, u->flow, len, stride);
}

static void speak_soon(struct sim_world *world, uint32_t upstream)
{
    if (world->upstreams[upstream].speaks)
        return;
    world->upstreams[upstream].speaks = true;
    const uint64_t wait = 1 + sim_random_below(&world->random, FTUN_MILLISECOND);
    sim_agenda_add(&world->agenda, world->now_ns + wait, SIM_UPSTREAM_SPEAKS, upstream, NULL);
}

/* --- coming and going --------------------------------------------------------------------- */

uint32_t sim_upstream_open(struct sim_world *world, uint32_t flow)
{
    if (world->upstream_count == world->upstream_capacity)
        world->upstreams =
            sim_grow(world->upstreams, &world->upstream_capacity, sizeof *world->upstreams);
    const uint32_t upstream = (uint32_t)world->upstream_count++;
    world->upstreams[upstream] =
        (struct sim_upstream){.application = SIM_NOBODY, .flow = flow, .open = true};
    sim_ledger_begin(&world->ledger);
    if (sim_random_below(&world->random, 4) == 0)
        speak_soon(world, upstream);
    return upstream;
}

void sim_upstream_close(struct sim_world *world, uint32_t upstream)
{
    world->upstreams[upstream].open = false;
}

/* --- hearing ------------------------------------------------------------------------------ */

/* One flow is one application's, whichever side speaks first. */
static void bind(struct sim_world *world, uint32_t upstream, uint32_t application)
{
    struct sim_upstream *u = &world->upstreams[upstream];
    if (u->application == SIM_NOBODY)
        u->application = application;
    if (u->application != application)
        sim_violated(&world->report, "application %u is connected with the flow of application %u",
                     application, u->application);
}

void sim_application_hear(struct sim_world *world, uint32_t application, struct sim_label label)
{
    const uint32_t applications = world->scenario.applications;
    if (label.stream < applications) {
        sim_violated(&world->report, "application %u gets what application %u sent", application,
                     label.stream);
        return;
    }
    const uint32_t upstream = label.stream - applications;
    bind(world, upstream, application);
    if (world->good && label.number >= world->upstreams[upstream].good_from)
        world->applications[application].answered = true;
}

void sim_upstream_hear(struct sim_world *world, uint32_t upstream, struct sim_label label)
{
    const uint32_t application = label.stream;
    if (application >= world->scenario.applications) {
        sim_violated(&world->report, "an upstream gets what an upstream sent");
        return;
    }
    bind(world, upstream, application);
    if (world->good && label.number >= world->good_from[application])
        world->applications[application].heard = true;
    if (world->good || sim_random_chance(&world->random, world->scenario.answer))
        speak_soon(world, upstream);
}
