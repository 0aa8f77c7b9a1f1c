#include "dial.h"

/* What a client does when it is refused at once, again and again: the first pauses are short, and
 * in --peer auto each attempt is made in both dialects. */
enum { SYNS_AT_ONCE = 20, SYNS_PER_SECOND = 2 };

static const uint64_t answer_most = FTUN_SECOND / 10; /* of a name server */

void sim_dial_syn(struct sim_world *world)
{
    struct sim_dial *dial = &world->dial;
    const uint64_t most = (uint64_t)SYNS_AT_ONCE * world->scenario.applications;
    const uint64_t interval = FTUN_SECOND / SYNS_PER_SECOND / world->scenario.applications;
    /* a token bucket, as the time at which it is full again */
    if (dial->full_at_ns < world->now_ns)
        dial->full_at_ns = world->now_ns;
    dial->full_at_ns += interval;
    if (dial->full_at_ns > world->now_ns + most * interval)
        sim_violated(&world->report, "the client sends more than %d SYNs a second for each flow",
                     SYNS_PER_SECOND);
}

void sim_dial_heard(struct sim_world *world, const struct ftun_tunnel_packet *packet)
{
    struct ftun_packet read;
    if (ftun_packet_parse(packet->data, packet->len, true, &read) != FTUN_TAKEN ||
        read.kind != FTUN_PACKET_SEGMENT || (read.tcp.flags & (FTUN_SYN | FTUN_RST)) != 0)
        return;
    world->dial.heard_at_ns[read.tcp.destination_port] = world->now_ns;
}

/* Of a client's flow: the connection's port is known since it was established. */
static bool is_dead(const struct sim_world *world, const struct sim_flow *flow)
{
    return world->now_ns >= world->dial.heard_at_ns[flow->port] + FTUN_DEAD_AFTER_DEFAULT;
}

static bool blames_peer(enum ftun_close_reason reason)
{
    return reason == FTUN_CLOSED_RESET || reason == FTUN_CLOSED_REFUSED;
}

void sim_dial_again(struct sim_world *world, const struct ftun_action *reconnect)
{
    const enum ftun_close_reason reason = reconnect->reconnect.reason;
    const struct sim_flow *flow = &world->ends[SIM_CLIENT].flows[reconnect->flow];
    if (!flow->open)
        sim_violated(&world->report, "the client reconnects flow %u, which is not open",
                     reconnect->flow);
    if (!world->excused && blames_peer(reason))
        sim_violated(&world->report,
                     "the client reconnects flow %u, %s, and the peer has not "
                     "done that",
                     reconnect->flow, ftun_close_reason_text(reason));
    if (reason == FTUN_CLOSED_DEAD && !is_dead(world, flow))
        sim_violated(&world->report,
                     "the client takes the server of flow %u for dead, and it has "
                     "just been heard",
                     reconnect->flow);
    if (world->undisturbed && !flow->phantun) /* which ends connections by a reset */
        sim_violated(&world->report, "the client reconnects flow %u, and all works",
                     reconnect->flow);
    world->excused = true;
    sim_agenda_add(&world->agenda,
                   world->now_ns + 1 + sim_random_next(&world->random) % answer_most,
                   SIM_NAME_RESOLVED, 0, NULL);
}

void sim_dial_closed(struct sim_world *world, const struct ftun_action *close)
{
    switch (close->close.reason) {
    case FTUN_CLOSED_RESET:
    case FTUN_CLOSED_REFUSED:
    case FTUN_CLOSED_TIMEOUT:
    case FTUN_CLOSED_DEAD:
        sim_violated(&world->report, "the client gives up flow %u, %s, instead of trying again",
                     close->flow, ftun_close_reason_text(close->close.reason));
        break;
    case FTUN_STILL_OPEN:
    case FTUN_CLOSED_LOCALLY:
    case FTUN_CLOSED_IDLE:
    case FTUN_CLOSED_BY_PEER:
    case FTUN_CLOSED_YIELDED:
        break;
    }
}

void sim_dial_resolved(struct sim_world *world)
{
    const struct sim_end *client = &world->ends[SIM_CLIENT];
    const struct ftun_path path = {world->server, client->config.path.local};
    if (client->endpoint != NULL)
        ftun_endpoint_set_paths(client->endpoint, &path, 1);
}
