/* What befalls the ends and the path between them, besides what the network does to each packet. */
#include "stranger.h"
#include "world.h"

#include <inttypes.h>
#include <stdio.h>

static const uint64_t dead_most = 8 * FTUN_SECOND;
static const uint64_t dark_briefly = 3 * FTUN_SECOND;
static const uint64_t dark_most = 30 * FTUN_SECOND;
static const uint64_t asleep_most = 60 * FTUN_SECOND;

static bool coin(struct sim_world *world)
{
    return sim_random_below(&world->random, 2) == 0;
}

static void say(const struct sim_world *world, const char *what)
{
    if (world->trace)
        printf("%" PRIu64 ".%09" PRIu64 " -- %s\n", world->now_ns / FTUN_SECOND,
               world->now_ns % FTUN_SECOND, what);
}

/* A point in time, at most so far ahead. */
static uint64_t draw_end(struct sim_world *world, uint64_t most_ns)
{
    return world->now_ns + 1 + sim_random_next(&world->random) % most_ns;
}

static struct sim_end *some_end(struct sim_world *world)
{
    return &world->ends[sim_random_below(&world->random, SIM_SIDES)];
}

static void kill_some_end(struct sim_world *world)
{
    struct sim_end *end = some_end(world);
    if (end->endpoint == NULL)
        return;
    sim_end_kill(world, end);
    const uint64_t until = coin(world) ? world->now_ns + 1 : draw_end(world, dead_most);
    sim_agenda_add(&world->agenda, until, SIM_END_REVIVES, end->side, NULL);
}

static void suspend_some_end(struct sim_world *world)
{
    struct sim_end *end = some_end(world);
    sim_end_sleep(world, end, coin(world));
    sim_agenda_add(&world->agenda, draw_end(world, asleep_most), SIM_END_WAKES, end->side, NULL);
}

static void change_mtu(struct sim_world *world)
{
    world->network.quality.mtu = (uint16_t)sim_random_between(
        &world->random, sim_least_mtu(world->scenario.family), world->scenario.mtu);
}

/* In one direction, or in both. */
static void darken(struct sim_world *world)
{
    const uint64_t until = draw_end(world, coin(world) ? dark_briefly : dark_most);
    const uint32_t which = sim_random_below(&world->random, 3);
    for (unsigned side = 0; side < SIM_SIDES; side++)
        if (which != side)
            world->network.dark_until_ns[side] = until;
}

/* Flows have the lowest numbers first: most draws find one that is open. */
static void forget_some_connection(struct sim_world *world)
{
    const uint32_t flow = sim_random_below(&world->random, world->scenario.applications);
    sim_nat_forget(&world->network.nat, world->ends[SIM_CLIENT].flows[flow].port);
}

static void close_some_flow(struct sim_world *world)
{
    struct sim_end *end = some_end(world);
    sim_end_close_flow(world, end, sim_random_below(&world->random, world->scenario.max_flows));
}

void sim_world_suffer(struct sim_world *world)
{
    world->excused = true;
    switch (sim_random_below(&world->random, 11)) {
    case 0:
        say(world, "an end dies");
        kill_some_end(world);
        break;
    case 1:
        say(world, "the path's MTU changes");
        change_mtu(world);
        break;
    case 2:
        say(world, "the path goes dead");
        darken(world);
        break;
    case 3:
        say(world, "the NAT forgets all connections");
        sim_nat_rebind(&world->network.nat);
        break;
    case 4:
        say(world, "the middlebox forgets a connection");
        forget_some_connection(world);
        break;
    case 5:
        say(world, "the client's network has another address");
        sim_nat_move(&world->network.nat);
        break;
    case 6:
        say(world, "a host is suspended");
        suspend_some_end(world);
        break;
    case 7:
        say(world, "the server moves to another address");
        sim_world_move_server(world);
        break;
    case 8:
        say(world, "a stranger resets a connection");
        sim_stranger_reset(&world->network, world->now_ns, some_end(world)->side);
        break;
    case 9:
        say(world, "the client moves to another address");
        sim_world_move_client(world);
        break;
    default:
        say(world, "a flow is closed");
        close_some_flow(world);
        break;
    }
    sim_agenda_add(&world->agenda, draw_end(world, 2 * world->scenario.disaster_ns), SIM_DISASTER,
                   0, NULL);
}
