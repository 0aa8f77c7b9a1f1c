#include "dial.h"
#include "memory.h"
#include "stranger.h"

#include <stdlib.h>

enum { SERVER_PORT = 4567, FIRST_APPLICATION_PORT = 20000 };

/* Of one trial: ten times what any takes. More, and the ends keep each other busy. */
enum { PACKETS_MAX = 10 * 1000 * 1000 };

/* --- beginning ---------------------------------------------------------------------------- */

struct sim_world *sim_world_create(bool trace, uint32_t validate_every)
{
    struct sim_world *world = sim_allocate(sizeof *world);
    world->trace = trace;
    world->validate_every = validate_every;
    sim_ledger_create(&world->ledger, &world->report);
    return world;
}

static void free_ends(struct sim_world *world)
{
    for (unsigned side = 0; side < SIM_SIDES; side++) {
        free(world->ends[side].memory);
        free(world->ends[side].flows);
    }
}

static void empty_agenda(struct sim_world *world)
{
    while (world->agenda.count > 0) {
        const struct sim_event event = sim_agenda_take(&world->agenda);
        if (event.packet != NULL)
            sim_pool_give(&world->network.pool, event.packet);
    }
    world->agenda.order = 0;
}

void sim_world_destroy(struct sim_world *world)
{
    empty_agenda(world);
    free_ends(world);
    sim_pool_destroy(&world->network.pool);
    sim_ledger_destroy(&world->ledger);
    free(world->agenda.heap);
    free(world->applications);
    free(world->upstreams);
    free(world->good_from);
    free(world);
}

static struct ftun_address address_of(enum ftun_family family, uint8_t last)
{
    if (family == FTUN_IPV4)
        return (struct ftun_address){.bytes = {192, 168, 0, last}, .family = FTUN_IPV4};
    return (struct ftun_address){.bytes = {0xfd, [15] = last}, .family = FTUN_IPV6};
}

static void change(struct ftun_address *address)
{
    address->bytes[address->family == FTUN_IPV4 ? 2 : 14]++;
}

static void set_server_address(struct sim_end *end, struct ftun_address address)
{
    *(address.family == FTUN_IPV4 ? &end->config.local4 : &end->config.local6) = address;
}

void sim_world_move_client(struct sim_world *world)
{
    struct sim_end *client = &world->ends[SIM_CLIENT];
    struct ftun_address *own = &client->config.path.local;
    change(own);
    sim_nat_move_inside(&world->network.nat, own);
    sim_dial_resolved(world);
}

void sim_world_move_server(struct sim_world *world)
{
    struct sim_end *server = &world->ends[SIM_SERVER];
    change(&world->server.ip);
    set_server_address(server, world->server.ip);
    world->moved_at_ns = world->now_ns;
    if (server->endpoint != NULL)
        sim_end_kill(world, server);
    sim_end_revive(world, server);
}

/* A server needs no more than its idle timeout: its clients look after connections. */
static void set_timeouts(struct sim_end *end, const struct sim_scenario *s)
{
    struct ftun_timeouts *timeouts = &end->config.timeouts;
    *timeouts = (struct ftun_timeouts){s->idle_timeout_ns, FTUN_NEVER, FTUN_NEVER};
    if (s->breakage == SIM_BREAK_KEEP)
        timeouts->idle_ns = FTUN_NEVER;
    if (end->side == SIM_SERVER || s->breakage == SIM_BREAK_LIVENESS)
        return;
    timeouts->keepalive_ns = FTUN_KEEPALIVE_DEFAULT;
    timeouts->dead_after_ns =
        s->breakage == SIM_BREAK_IMPATIENCE ? FTUN_SECOND / 10 : FTUN_DEAD_AFTER_DEFAULT;
}

static void start_end(struct sim_world *world, enum sim_side side)
{
    const struct sim_scenario *s = &world->scenario;
    struct sim_end *end = &world->ends[side];
    end->side = side;
    end->config = (struct ftun_endpoint_config){
        .role = side == SIM_CLIENT ? FTUN_CLIENT : FTUN_SERVER,
        .peer = s->peer,
        .port = SERVER_PORT,
        .mtu = s->mtu,
        .hops = 1,
        .host.timestamps = s->timestamps,
        .segmentation_offload = s->offload[side],
        .max_flows = s->max_flows,
        .max_flows_per_source = side == SIM_SERVER ? s->max_flows_per_source : 0,
        .pending_slots = s->pending_slots,
        .reassembly_slots = s->reassembly_slots,
        .resumption = s->resumes,
    };
    set_timeouts(end, s);
    end->config.path.local = address_of(s->family, 2);
    set_server_address(end, world->server.ip);
    end->memory = sim_allocate(ftun_endpoint_size(&end->config));
    end->flows = sim_allocate(s->max_flows * sizeof *end->flows);
    end->lives = 0;
    end->turns = 0;
    end->uncounted_ns = 0;
    end->closing = end->touched = false;
    end->glue.first = NULL;
    sim_end_revive(world, end);
}

static void start_applications(struct sim_world *world)
{
    const uint32_t count = world->scenario.applications;
    free(world->applications);
    free(world->good_from);
    world->applications = sim_allocate(count * sizeof *world->applications);
    world->good_from = sim_allocate(count * sizeof *world->good_from);
    for (uint32_t i = 0; i < count; i++) {
        world->applications[i].address = (struct ftun_socket_address){
            .ip = {.bytes = {127, 0, (uint8_t)(i >> 14), 1}, .family = FTUN_IPV4},
            .port = (uint16_t)(FIRST_APPLICATION_PORT + i % (1 << 14)),
        };
        sim_ledger_begin(&world->ledger);
        sim_agenda_add(&world->agenda, sim_random_next(&world->random) % world->scenario.speak_ns,
                       SIM_APPLICATION_SPEAKS, i, NULL);
    }
}

static void start_trouble(struct sim_world *world)
{
    const struct sim_scenario *s = &world->scenario;
    if (s->disaster_ns != FTUN_NEVER)
        sim_agenda_add(&world->agenda, s->disaster_ns, SIM_DISASTER, 0, NULL);
    if (s->stranger_ns != FTUN_NEVER)
        sim_agenda_add(&world->agenda, s->stranger_ns, SIM_STRANGER_SPEAKS, 0, NULL);
}

void sim_world_start(struct sim_world *world, const struct sim_scenario *scenario)
{
    empty_agenda(world);
    free_ends(world);
    world->scenario = *scenario;
    world->report.violated = false;
    world->now_ns = 0;
    world->good = world->quiet = world->excused = world->undisturbed = false;
    memset(&world->dial, 0, sizeof world->dial);
    world->moved_at_ns = 0;
    world->server = (struct ftun_socket_address){address_of(scenario->family, 1), SERVER_PORT};
    world->upstream_count = 0;
    world->packets_max = world->network.packets + PACKETS_MAX;
    sim_random_seed(&world->random, scenario->seed ^ UINT64_C(0x776f726c64));
    sim_ledger_clear(&world->ledger);
    start_end(world, SIM_CLIENT);
    start_end(world, SIM_SERVER);
    const struct ftun_address *client = &world->ends[SIM_CLIENT].config.path.local;
    sim_network_start(&world->network, &world->scenario, client, &world->agenda, &world->ledger);
    start_applications(world);
    start_trouble(world);
}

/* --- good times ---------------------------------------------------------------------------- */

void sim_world_become_good(struct sim_world *world)
{
    world->good = true;
    world->network.quality = sim_quality_good(&world->scenario);
    world->network.dark_until_ns[SIM_CLIENT] = world->network.dark_until_ns[SIM_SERVER] = 0;
    for (uint32_t i = 0; i < world->scenario.applications; i++) {
        world->good_from[i] = (uint32_t)world->ledger.streams[i].count;
        sim_agenda_add(&world->agenda, world->now_ns + 1, SIM_APPLICATION_SPEAKS, i, NULL);
    }
    for (size_t i = 0; i < world->upstream_count; i++)
        world->upstreams[i].good_from =
            (uint32_t)world->ledger.streams[world->scenario.applications + i].count;
    for (unsigned side = 0; side < SIM_SIDES; side++) {
        if (world->ends[side].endpoint == NULL)
            sim_end_revive(world, &world->ends[side]);
        sim_end_wake(world, &world->ends[side]);
    }
}

/* --- time --------------------------------------------------------------------------------- */

static void repeat(struct sim_world *world, const struct sim_packet *packet)
{
    struct sim_packet *again = sim_pool_copy(&world->network.pool, packet);
    again->beyond_nat = true;
    sim_network_inject(&world->network, world->now_ns, again);
}

static void packet_arrives(struct sim_world *world, struct sim_packet *packet)
{
    if (!sim_network_arrive(&world->network, packet))
        return;
    if (world->scenario.breakage == SIM_BREAK_STORM && world->quiet)
        repeat(world, packet);
    const bool watched =
        world->scenario.stranger_ns != FTUN_NEVER || world->scenario.disaster_ns != FTUN_NEVER;
    const bool seen = watched && packet->birth > 0 &&
                      (packet->label.stream == SIM_NO_STREAM || packet->birth % 16 == 0);
    if (seen && !packet->corrupted && !packet->fragment)
        sim_network_sight(&world->network, packet);
    sim_end_take(world, &world->ends[packet->to], packet);
}

static uint64_t draw_wait(struct sim_world *world, uint64_t mean_ns)
{
    return 1 + sim_random_next(&world->random) % (2 * mean_ns);
}

static void handle(struct sim_world *world, const struct sim_event *event)
{
    switch (event->kind) {
    case SIM_PACKET_ARRIVES:
        packet_arrives(world, event->packet);
        break;
    case SIM_APPLICATION_SPEAKS:
        sim_application_speak(world, event->index);
        break;
    case SIM_UPSTREAM_SPEAKS:
        sim_upstream_speak(world, event->index);
        break;
    case SIM_STRANGER_SPEAKS:
        if (world->good)
            break;
        sim_stranger_speak(&world->network, world->now_ns);
        sim_agenda_add(&world->agenda,
                       world->now_ns + draw_wait(world, world->scenario.stranger_ns),
                       SIM_STRANGER_SPEAKS, 0, NULL);
        break;
    case SIM_DISASTER:
        if (!world->good)
            sim_world_suffer(world);
        break;
    case SIM_END_REVIVES:
        if (world->ends[event->index].endpoint == NULL)
            sim_end_revive(world, &world->ends[event->index]);
        break;
    case SIM_END_WAKES:
        sim_end_wake(world, &world->ends[event->index]);
        break;
    case SIM_NAME_RESOLVED:
        sim_dial_resolved(world);
        break;
    }
}

static uint64_t next_time(const struct sim_world *world)
{
    uint64_t next = sim_agenda_next(&world->agenda);
    for (unsigned side = 0; side < SIM_SIDES; side++) {
        const uint64_t deadline = sim_end_deadline(&world->ends[side]);
        if (deadline < next)
            next = deadline;
    }
    return next > world->now_ns ? next : world->now_ns;
}

static void take_turn(struct sim_world *world, uint64_t now_ns)
{
    world->now_ns = now_ns;
    while (sim_agenda_next(&world->agenda) <= now_ns && !world->report.violated) {
        const struct sim_event event = sim_agenda_take(&world->agenda);
        handle(world, &event);
    }
    sim_end_finish_turn(world, &world->ends[SIM_CLIENT]);
    sim_end_finish_turn(world, &world->ends[SIM_SERVER]);
}

void sim_world_run(struct sim_world *world, uint64_t until_ns)
{
    uint64_t next = next_time(world);
    while (next <= until_ns && !world->report.violated) {
        take_turn(world, next);
        if (world->network.packets > world->packets_max)
            sim_violated(&world->report, "more packets than there is a reason for");
        next = next_time(world);
    }
    world->now_ns = until_ns;
}
