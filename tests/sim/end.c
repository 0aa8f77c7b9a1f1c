/* One end of the tunnel, driven as src/io/loop.c does it, and what must hold of it. */
#include "dial.h"
#include "trace.h"

#include <inttypes.h>
#include <stdio.h>

enum { CALLS_MAX = 100000 /* for one purpose in one turn: more, and it would never end */ };

static const char *const names[SIM_SIDES] = {"client", "server"};

/* --- life --------------------------------------------------------------------------------- */

static void forget_flows(struct sim_end *end)
{
    for (uint32_t i = 0; i < end->config.max_flows; i++)
        end->flows[i] = (struct sim_flow){.owner = SIM_NOBODY};
}

/* What the end's clock shows. */
static uint64_t clock_of(const struct sim_world *world, const struct sim_end *end)
{
    return world->now_ns - end->uncounted_ns;
}

uint64_t sim_end_deadline(const struct sim_end *end)
{
    if (end->endpoint == NULL || end->asleep)
        return FTUN_NEVER;
    const uint64_t deadline = ftun_endpoint_deadline(end->endpoint);
    return deadline == FTUN_NEVER ? FTUN_NEVER : deadline + end->uncounted_ns;
}

void sim_end_kill(struct sim_world *world, struct sim_end *end)
{
    for (uint32_t i = 0; i < end->config.max_flows; i++)
        if (end->side == SIM_SERVER && end->flows[i].open)
            sim_upstream_close(world, end->flows[i].owner);
    for (size_t i = 0; i < FTUN_REFUSAL_COUNT; i++)
        world->refused[i] += ftun_endpoint_counters(end->endpoint)->refused[i];
    forget_flows(end);
    end->endpoint = NULL;
}

void sim_end_revive(struct sim_world *world, struct sim_end *end)
{
    struct sim_random random;
    sim_random_seed(&random, world->scenario.seed ^ ((uint64_t)++end->lives << 32 | end->side));
    for (size_t i = 0; i < sizeof end->config.key.bytes; i++)
        end->config.key.bytes[i] = (uint8_t)sim_random_next(&random);
    end->config.path.remote = world->server;
    end->endpoint = ftun_endpoint_create(&end->config, end->memory);
    end->given = 0;
    forget_flows(end);
}

static void drop_glued(struct sim_world *world, struct sim_end *end)
{
    if (end->glue.first != NULL)
        sim_pool_give(&world->network.pool, end->glue.first);
    end->glue.first = NULL;
}

void sim_end_sleep(struct sim_world *world, struct sim_end *end, bool clock_stands)
{
    if (end->endpoint == NULL || end->asleep)
        return;
    drop_glued(world, end);
    end->asleep = true;
    end->clock_stands = clock_stands;
    end->asleep_at_ns = world->now_ns;
}

void sim_end_wake(struct sim_world *world, struct sim_end *end)
{
    if (end->asleep && end->clock_stands)
        end->uncounted_ns += world->now_ns - end->asleep_at_ns;
    end->asleep = false;
}

/* --- actions ------------------------------------------------------------------------------ */

/* A packet, or several glued, for an end. */
struct arrival {
    struct ftun_tunnel_packet packet;
    const struct sim_label *labels;
    const uint64_t *births;
    size_t count;
    bool corrupted, fragment;
};

static void print_time(const struct sim_world *world, const struct sim_end *end)
{
    printf("%" PRIu64 ".%09" PRIu64 " %s ", world->now_ns / FTUN_SECOND,
           world->now_ns % FTUN_SECOND, names[end->side]);
}

static struct sim_flow *flow_of(struct sim_world *world, const struct sim_end *end,
                                const struct ftun_action *action)
{
    static struct sim_flow nothing;
    if (action->flow < end->config.max_flows && end->flows[action->flow].open)
        return &end->flows[action->flow];
    sim_violated(&world->report, "the %s acts on flow %u, which is not open", names[end->side],
                 action->flow);
    return &nothing;
}

static void hear(struct sim_world *world, const struct sim_end *end, uint32_t owner,
                 struct sim_label label)
{
    if (label.stream == SIM_NO_STREAM)
        return;
    if (world->scenario.breakage == SIM_BREAK_LEAK && end->side == SIM_CLIENT)
        owner = (owner + 1) % world->scenario.applications;
    if (end->side == SIM_CLIENT)
        sim_application_hear(world, owner, label);
    else
        sim_upstream_hear(world, owner, label);
}

/* Deliver what nobody has sent. */
static void invent(struct sim_world *world)
{
    uint8_t datagram[SIM_LABEL];
    sim_ledger_write(&world->ledger, 0, datagram, sizeof datagram);
    sim_ledger_delivered(&world->ledger, datagram, sizeof datagram, world->network.births + 1);
}

static void deliver(struct sim_world *world, struct sim_end *end, const struct ftun_action *action,
                    const struct arrival *arrival)
{
    struct sim_flow *flow = flow_of(world, end, action);
    flow->heard_at_ns = flow->used_at_ns = world->now_ns;
    if (arrival == NULL || arrival->corrupted) {
        sim_violated(&world->report, "the %s delivers without a good packet", names[end->side]);
        return;
    }
    if (world->scenario.breakage == SIM_BREAK_INVENT)
        invent(world);
    const size_t stride = action->deliver.stride;
    size_t piece = 0;
    for (size_t off = 0; off < action->deliver.len && piece < arrival->count; off += stride) {
        const size_t rest = action->deliver.len - off;
        const struct sim_label label =
            sim_ledger_delivered(&world->ledger, action->deliver.data + off,
                                 stride < rest ? stride : rest, arrival->births[piece++]);
        hear(world, end, flow->owner, label);
    }
}

static void open_flow(struct sim_world *world, struct sim_end *end,
                      const struct ftun_action *action)
{
    struct sim_flow *flow = &end->flows[action->flow];
    if (flow->open)
        sim_violated(&world->report, "the %s opens flow %u twice", names[end->side], action->flow);
    flow->open = true;
    flow->mss = 0;
    flow->used_at_ns = world->now_ns;
    flow->failed_at_ns = FTUN_NEVER;
    if (end->side == SIM_SERVER)
        flow->owner = sim_upstream_open(world, action->flow);
}

static void establish_flow(struct sim_world *world, struct sim_end *end,
                           const struct ftun_action *action)
{
    struct sim_flow *flow = flow_of(world, end, action);
    flow->mss = action->established.mss;
    flow->port = action->established.tuple.local.port;
    flow->phantun = action->established.profile->close_by_reset;
    flow->heard_at_ns = world->now_ns;
}

/* Nothing has come for the idle timeout, or the application neither speaks nor is spoken to. */
static bool is_idle(const struct sim_world *world, const struct sim_flow *flow)
{
    const uint64_t timeout = world->scenario.idle_timeout_ns;
    return world->now_ns >= flow->heard_at_ns + timeout ||
           world->now_ns >= flow->used_at_ns + timeout;
}

static bool blames_peer(enum ftun_close_reason reason)
{
    return reason == FTUN_CLOSED_BY_PEER || reason == FTUN_CLOSED_RESET ||
           reason == FTUN_CLOSED_REFUSED;
}

static void close_flow(struct sim_world *world, struct sim_end *end,
                       const struct ftun_action *action)
{
    struct sim_flow *flow = flow_of(world, end, action);
    const enum ftun_close_reason reason = action->close.reason;
    if (!world->excused && blames_peer(reason))
        sim_violated(&world->report, "the %s ends flow %u, %s, and the peer has not done that",
                     names[end->side], action->flow, ftun_close_reason_text(reason));
    if (end->side == SIM_CLIENT)
        sim_dial_closed(world, action);
    if (reason == FTUN_CLOSED_IDLE && !is_idle(world, flow))
        sim_violated(&world->report, "the %s ends flow %u as idle, and it is not", names[end->side],
                     action->flow);
    world->excused = true;
    if (end->side == SIM_SERVER && flow->open)
        sim_upstream_close(world, flow->owner);
    flow->open = false;
    flow->owner = SIM_NOBODY;
}

static void reconnect_flow(struct sim_world *world, struct sim_end *end,
                           const struct ftun_action *action)
{
    struct sim_flow *flow = flow_of(world, end, action);
    sim_dial_again(world, action);
    if (action->reconnect.attempt == 0) /* beside the one that it has */
        return;
    flow->mss = 0;
    flow->failed_at_ns = world->now_ns;
    if (world->scenario.breakage == SIM_BREAK_FORSAKE) {
        const struct ftun_action close = {.kind = FTUN_ACTION_CLOSE,
                                          .flow = action->flow,
                                          .close.reason = action->reconnect.reason};
        close_flow(world, end, &close);
    }
}

static void send_segment(struct sim_world *world, const struct sim_end *end,
                         const struct ftun_action *action)
{
    if (end->side == SIM_CLIENT && (action->send.segment.tcp.flags & FTUN_SYN) != 0)
        sim_dial_syn(world);
    const uint8_t *payload =
        action->send.data != NULL ? action->send.data : world->burst + action->send.offset;
    sim_network_send(&world->network, world->now_ns, end->side, action, payload);
}

static void carry_out(struct sim_world *world, struct sim_end *end,
                      const struct ftun_action *action, const struct arrival *arrival)
{
    if (world->trace) {
        char line[FTUN_TRACE_MAX];
        print_time(world, end);
        puts(ftun_trace_action(action, line, sizeof line));
    }
    switch (action->kind) {
    case FTUN_ACTION_SEND:
        send_segment(world, end, action);
        break;
    case FTUN_ACTION_DELIVER:
        deliver(world, end, action, arrival);
        break;
    case FTUN_ACTION_OPEN:
        open_flow(world, end, action);
        break;
    case FTUN_ACTION_ESTABLISHED:
        establish_flow(world, end, action);
        break;
    case FTUN_ACTION_MSS:
        flow_of(world, end, action)->mss = action->mss.mss;
        break;
    case FTUN_ACTION_RECONNECT:
        reconnect_flow(world, end, action);
        break;
    case FTUN_ACTION_CLOSE:
        close_flow(world, end, action);
        break;
    case FTUN_ACTION_HAND_OVER: /* nobody else is there */
        break;
    }
}

static void carry_out_all(struct sim_world *world, struct sim_end *end,
                          const struct arrival *arrival)
{
    end->touched = true;
    for (size_t i = 0; i < world->actions.count; i++)
        carry_out(world, end, &world->actions.at[i], arrival);
}

/* --- packets ------------------------------------------------------------------------------ */

static uint64_t refusals(const struct sim_end *end)
{
    const struct ftun_counters *counters = ftun_endpoint_counters(end->endpoint);
    uint64_t sum = 0;
    for (size_t i = 0; i < FTUN_REFUSAL_COUNT; i++)
        sum += counters->refused[i];
    return sum;
}

static bool delivers(const struct ftun_actions *actions)
{
    for (size_t i = 0; i < actions->count; i++)
        if (actions->at[i].kind == FTUN_ACTION_DELIVER)
            return true;
    return false;
}

/* What comes of a packet that the network has altered: nothing but a counted refusal. What comes of
 * any datagram: delivery, or a counted refusal. */
static void judge(struct sim_world *world, const struct sim_end *end, const struct arrival *arrival,
                  uint64_t refused_before)
{
    const bool refused = refusals(end) > refused_before;
    if (arrival->corrupted && world->actions.count > 0)
        sim_violated(&world->report, "the %s answers a packet that was altered on the way",
                     names[end->side]);
    if (arrival->corrupted && !refused && !arrival->fragment)
        sim_violated(&world->report, "the %s takes a packet that was altered on the way",
                     names[end->side]);
    if (arrival->labels[0].stream != SIM_NO_STREAM && !arrival->fragment && !refused &&
        !delivers(&world->actions))
        sim_violated(&world->report, "the %s neither delivers nor refuses a datagram",
                     names[end->side]);
}

static void hand(struct sim_world *world, struct sim_end *end, const struct arrival *arrival)
{
    if (world->trace) {
        char line[FTUN_TRACE_MAX];
        print_time(world, end);
        puts(ftun_trace_packet(&arrival->packet, line, sizeof line));
    }
    const uint64_t refused_before = refusals(end);
    for (size_t i = 0; i < arrival->count && !arrival->corrupted; i++)
        sim_ledger_handed(&world->ledger, arrival->labels[i]);
    if (end->side == SIM_CLIENT && arrival->births[0] > 0 && !arrival->corrupted)
        sim_dial_heard(world, &arrival->packet);
    world->actions.count = 0;
    const bool swallowed =
        world->scenario.breakage == SIM_BREAK_LOSE && sim_random_below(&world->random, 16) == 0;
    if (!swallowed)
        ftun_endpoint_packet(end->endpoint, clock_of(world, end), &arrival->packet,
                             &world->actions);
    judge(world, end, arrival, refused_before);
    carry_out_all(world, end, arrival);
}

static void hand_glued(struct sim_world *world, struct sim_end *end)
{
    struct sim_glue *glue = &end->glue;
    if (glue->first == NULL)
        return;
    const struct arrival arrival = {.packet = sim_glue_packet(glue),
                                    .labels = glue->labels,
                                    .births = glue->births,
                                    .count = glue->count};
    if (end->endpoint != NULL)
        hand(world, end, &arrival);
    drop_glued(world, end);
}

static void hand_single(struct sim_world *world, struct sim_end *end, struct sim_packet *packet)
{
    const struct arrival arrival = {
        .packet = {.data = packet->bytes,
                   .len = packet->len,
                   .checksum_vouched = packet->vouched && !packet->corrupted},
        .labels = &packet->label,
        .births = &packet->birth,
        .count = 1,
        .corrupted = packet->corrupted,
        .fragment = packet->fragment,
    };
    hand(world, end, &arrival);
    sim_pool_give(&world->network.pool, packet);
}

/* Nobody reads the TUN any more, and the host answers itself. */
static void reset(struct sim_world *world, const struct sim_packet *packet)
{
    struct sim_packet *answer = sim_pool_take(&world->network.pool);
    if (sim_wire_reset(packet, answer))
        sim_network_inject(&world->network, world->now_ns, answer);
    else
        sim_pool_give(&world->network.pool, answer);
}

void sim_end_take(struct sim_world *world, struct sim_end *end, struct sim_packet *packet)
{
    if (end->asleep) {
        sim_pool_give(&world->network.pool, packet);
        return;
    }
    if (end->endpoint == NULL) {
        if (end->side == SIM_SERVER && world->scenario.host_resets)
            reset(world, packet);
        sim_pool_give(&world->network.pool, packet);
        return;
    }
    const bool wanted = world->scenario.glue && sim_glue_wants(packet);
    if (wanted && end->glue.first != NULL && sim_glue_append(&end->glue, packet)) {
        sim_pool_give(&world->network.pool, packet);
        return;
    }
    hand_glued(world, end);
    if (wanted)
        sim_glue_begin(&end->glue, packet);
    else
        hand_single(world, end, packet);
}

/* --- datagrams ---------------------------------------------------------------------------- */

uint32_t sim_end_flow_of(struct sim_world *world, uint32_t application)
{
    struct sim_end *client = &world->ends[SIM_CLIENT];
    if (client->endpoint == NULL || client->asleep)
        return SIM_NOBODY;
    const uint32_t flow =
        ftun_endpoint_flow(client->endpoint, clock_of(world, client),
                           &world->applications[application].address, &world->actions);
    if (flow == FTUN_NO_FLOW)
        return SIM_NOBODY;
    carry_out_all(world, client, NULL);
    client->flows[flow].owner = application;
    return flow;
}

/* The burst in up to three slices, as recvmmsg() leaves it. */
static size_t slice(struct sim_world *world, size_t len, size_t stride, struct ftun_slice *slices)
{
    size_t count = 0;
    size_t start = 0;
    while (start < len) {
        size_t part = len - start;
        if (count < 2 && part > stride)
            part = stride * (1 + sim_random_below(&world->random, (uint32_t)(part / stride)));
        if (part > len - start)
            part = len - start;
        slices[count++] = (struct ftun_slice){.data = world->burst + start, .len = part};
        start += part;
    }
    return count;
}

void sim_end_datagrams(struct sim_world *world, struct sim_end *end, uint32_t flow, size_t len,
                       size_t stride)
{
    struct ftun_slice slices[3];
    const struct ftun_burst burst = {.slices = slices,
                                     .slice_count = slice(world, len, stride, slices),
                                     .len = len,
                                     .stride = stride};
    end->given += ftun_datagram_count(len, stride);
    end->flows[flow].used_at_ns = world->now_ns;
    size_t done = 0;
    while (done < len && !world->report.violated) {
        const size_t more = ftun_endpoint_datagrams(end->endpoint, clock_of(world, end), flow,
                                                    &burst, done, &world->actions);
        if (more == 0)
            sim_violated(&world->report, "the %s does not get on with a burst", names[end->side]);
        done += more;
        carry_out_all(world, end, NULL);
    }
}

void sim_end_close_flow(struct sim_world *world, struct sim_end *end, uint32_t flow)
{
    if (end->endpoint == NULL || end->asleep)
        return;
    ftun_endpoint_close(end->endpoint, clock_of(world, end), flow, &world->actions);
    carry_out_all(world, end, NULL);
}

/* --- turns -------------------------------------------------------------------------------- */

static void pass_time(struct sim_world *world, struct sim_end *end)
{
    for (unsigned calls = 0; sim_end_deadline(end) <= world->now_ns; calls++) {
        if (calls == CALLS_MAX) {
            sim_violated(&world->report, "the %s's deadline never passes", names[end->side]);
            return;
        }
        ftun_endpoint_timeout(end->endpoint, clock_of(world, end), &world->actions);
        carry_out_all(world, end, NULL);
    }
}

static void close_all(struct sim_world *world, struct sim_end *end)
{
    bool more;
    do {
        more = ftun_endpoint_close_all(end->endpoint, clock_of(world, end), &world->actions);
        carry_out_all(world, end, NULL);
    } while (more);
}

static void acknowledge(struct sim_world *world, struct sim_end *end)
{
    bool more;
    do {
        more = ftun_endpoint_end_turn(end->endpoint, clock_of(world, end), &world->actions);
        carry_out_all(world, end, NULL);
    } while (more);
}

static void check(struct sim_world *world, struct sim_end *end)
{
    if (ftun_endpoint_flow_count(end->endpoint) > end->config.max_flows)
        sim_violated(&world->report, "the %s has more flows than it may", names[end->side]);
    if (end->turns++ % world->validate_every == 0 && !ftun_endpoint_valid(end->endpoint))
        sim_violated(&world->report, "the %s's state contradicts itself", names[end->side]);
}

void sim_end_finish_turn(struct sim_world *world, struct sim_end *end)
{
    hand_glued(world, end);
    if (end->endpoint == NULL || end->asleep)
        return;
    pass_time(world, end);
    if (end->closing)
        close_all(world, end);
    if (!end->touched)
        return;
    acknowledge(world, end);
    end->touched = false;
    check(world, end);
}
