#include "pair.h"

#include "trace.h"

#include <stdio.h>

enum {
    MTU = 128, /* bytes: datagrams of 88 */
    PORT = 4567,
    PENDING = 3,
    CALM_STEPS_MAX = 1000 /* with a perfect network: more, and it would never end */
};

static const uint64_t idle_timeout = 60 * FTUN_SECOND;

static const char *const sides[SIM_SIDES] = {"client", "server"};

const char *pair_step_name(enum pair_step_kind kind)
{
    static const char *const step_names[] = {
        [PAIR_DELIVER] = "deliver packet",      [PAIR_DROP] = "drop packet",
        [PAIR_DUPLICATE] = "duplicate packet",  [PAIR_TIME_OUT] = "time out",
        [PAIR_CLIENT_SENDS] = "client sends",   [PAIR_SERVER_SENDS] = "server sends",
        [PAIR_CLIENT_CLOSES] = "client closes", [PAIR_SERVER_CLOSES] = "server closes",
        [PAIR_SERVER_DIES] = "server dies",
    };
    return step_names[kind];
}

/* --- beginning ---------------------------------------------------------------------------- */

static void start_side(struct pair_walk *walk, enum sim_side side)
{
    const struct ftun_address server = {.bytes = {10, 0, 0, 2}, .family = FTUN_IPV4};
    struct ftun_endpoint_config config = {
        .role = side == SIM_CLIENT ? FTUN_CLIENT : FTUN_SERVER,
        .peer = FTUN_PEER_FTUN,
        .path = {.remote = {.ip = server, .port = PORT},
                 .local = {.bytes = {10, 0, 0, 1}, .family = FTUN_IPV4}},
        .local4 = server,
        .port = PORT,
        .mtu = MTU,
        .timeouts = {walk->breakage == PAIR_BREAK_LEAK ? FTUN_NEVER : idle_timeout, FTUN_NEVER,
                     side == SIM_CLIENT ? FTUN_DEAD_AFTER_DEFAULT : FTUN_NEVER},
        .max_flows = PAIR_FLOWS,
        .pending_slots = PENDING,
    };
    config.key.bytes[0] = (uint8_t)(side + 1);
    config.key.bytes[1] = walk->pair.budget.deaths; /* another one in each life */
    if (ftun_endpoint_size(&config) > PAIR_ARENA_MAX)
        sim_violated(&walk->report, "PAIR_ARENA_MAX is too small: %zu bytes are needed",
                     ftun_endpoint_size(&config));
    else
        walk->pair.endpoints[side] = ftun_endpoint_create(&config, walk->pair.arenas[side]);
    walk->pair.flow[side] = FTUN_NO_FLOW;
}

void pair_start(struct pair_walk *walk, const struct pair_budget *budget)
{
    walk->pair = (struct pair){.budget = *budget};
    start_side(walk, SIM_CLIENT);
    start_side(walk, SIM_SERVER);
}

/* --- actions ------------------------------------------------------------------------------ */

/* The datagram of this side and number. */
static void write_datagram(enum sim_side from, uint8_t number, uint8_t out[PAIR_DATAGRAM])
{
    memset(out, 0xa0 + (int)from, PAIR_DATAGRAM);
    out[0] = (uint8_t)from;
    out[1] = number;
}

static bool is_datagram(const uint8_t *data, size_t len, enum sim_side from, uint8_t sent)
{
    uint8_t expected[PAIR_DATAGRAM];
    if (len != PAIR_DATAGRAM || data[1] >= sent)
        return false;
    write_datagram(from, data[1], expected);
    return memcmp(data, expected, PAIR_DATAGRAM) == 0;
}

static void deliver(struct pair_walk *walk, enum sim_side side, const struct ftun_action *action)
{
    struct pair *pair = &walk->pair;
    const enum sim_side from = sim_other(side);
    const uint8_t *data = action->deliver.data;
    if (!is_datagram(data, action->deliver.len, from, pair->sent[from])) {
        sim_violated(&walk->report, "the %s delivers what was not sent", sides[side]);
        return;
    }
    const uint8_t number = data[1];
    pair->flow[side] = action->flow;
    if (++pair->delivered[from][number] > pair->carried[from][number])
        sim_violated(&walk->report, "datagram %u of the %s is delivered twice", number,
                     sides[from]);
}

static void send(struct pair_walk *walk, enum sim_side side, const struct ftun_action *action,
                 const uint8_t *datagram)
{
    struct pair *pair = &walk->pair;
    const struct ftun_segment *segment = &action->send.segment;
    const uint8_t *payload = action->send.data != NULL ? action->send.data : datagram;
    const size_t len = payload == NULL ? 0 : segment->payload_len;
    if (len > 0)
        pair->carried[side][payload[1]]++;
    if (pair->flight_count == PAIR_FLIGHT_MAX)
        return;
    struct pair_packet *packet = &pair->flight[pair->flight_count++];
    packet->to = sim_other(side);
    packet->len = (uint32_t)ftun_segment_emit(segment, FTUN_CHECKSUM_PARTIAL, 0, packet->bytes);
    if (len > 0)
        memcpy(packet->bytes + packet->len, payload, len);
    packet->len += (uint32_t)len;
}

static void carry_out(struct pair_walk *walk, enum sim_side side, const struct ftun_action *action,
                      const uint8_t *datagram)
{
    uint32_t *flow = &walk->pair.flow[side];
    if (walk->trace) {
        char line[FTUN_TRACE_MAX];
        printf("    %s %s\n", sides[side], ftun_trace_action(action, line, sizeof line));
    }
    switch (action->kind) {
    case FTUN_ACTION_SEND:
        send(walk, side, action, datagram);
        break;
    case FTUN_ACTION_DELIVER:
        deliver(walk, side, action);
        break;
    case FTUN_ACTION_OPEN:
        *flow = action->flow;
        break;
    case FTUN_ACTION_CLOSE:
        if (*flow == action->flow)
            *flow = FTUN_NO_FLOW;
        break;
    case FTUN_ACTION_ESTABLISHED:
    case FTUN_ACTION_MSS:
    case FTUN_ACTION_RECONNECT:
    case FTUN_ACTION_HAND_OVER:
        break;
    }
}

static void carry_out_all(struct pair_walk *walk, enum sim_side side, const uint8_t *datagram)
{
    for (size_t i = 0; i < walk->actions.count; i++)
        carry_out(walk, side, &walk->actions.at[i], datagram);
}

/* --- steps -------------------------------------------------------------------------------- */

static struct pair_packet take_packet(struct pair *pair, uint32_t index)
{
    const struct pair_packet packet = pair->flight[index];
    pair->flight_count--;
    memmove(&pair->flight[index], &pair->flight[index + 1],
            (pair->flight_count - index) * sizeof pair->flight[0]);
    return packet;
}

static void arrive(struct pair_walk *walk, const struct pair_packet *packet)
{
    const struct ftun_tunnel_packet given = {
        .data = packet->bytes, .len = packet->len, .checksum_vouched = true};
    if (walk->trace) {
        char line[FTUN_TRACE_MAX];
        printf("    %s %s\n", sides[packet->to], ftun_trace_packet(&given, line, sizeof line));
    }
    ftun_endpoint_packet(walk->pair.endpoints[packet->to], walk->pair.now_ns, &given,
                         &walk->actions);
    carry_out_all(walk, packet->to, NULL);
}

static void duplicate(struct pair_walk *walk, uint32_t index)
{
    enum { PAYLOAD_AT = FTUN_IPV4_HEADER_MIN + FTUN_TCP_HEADER_MIN };
    struct pair *pair = &walk->pair;
    const struct pair_packet *packet = &pair->flight[index];
    pair->flight[pair->flight_count++] = *packet;
    pair->budget.duplicates--;
    if (walk->breakage == PAIR_BREAK_DUPLICATE)
        return;
    if (packet->len == PAYLOAD_AT + PAIR_DATAGRAM && packet->bytes[PAYLOAD_AT] < SIM_SIDES)
        pair->carried[packet->bytes[PAYLOAD_AT]][packet->bytes[PAYLOAD_AT + 1]]++;
}

static uint64_t next_deadline(const struct pair *pair)
{
    const uint64_t client = ftun_endpoint_deadline(pair->endpoints[SIM_CLIENT]);
    const uint64_t server = ftun_endpoint_deadline(pair->endpoints[SIM_SERVER]);
    return client < server ? client : server;
}

static void time_out(struct pair_walk *walk)
{
    struct pair *pair = &walk->pair;
    const uint64_t deadline = next_deadline(pair);
    pair->now_ns = deadline > pair->now_ns ? deadline : pair->now_ns;
    for (unsigned side = 0; side < SIM_SIDES; side++) {
        while (ftun_endpoint_deadline(pair->endpoints[side]) <= pair->now_ns) {
            ftun_endpoint_timeout(pair->endpoints[side], pair->now_ns, &walk->actions);
            carry_out_all(walk, (enum sim_side)side, NULL);
        }
    }
}

static void application_sends(struct pair_walk *walk, enum sim_side side)
{
    static const struct ftun_socket_address application = {
        .ip = {.bytes = {127, 0, 0, 1}, .family = FTUN_IPV4}, .port = 1};
    struct pair *pair = &walk->pair;
    uint8_t datagram[PAIR_DATAGRAM];
    const struct ftun_slice slice = {.data = datagram, .len = sizeof datagram};
    const struct ftun_burst burst = {
        .slices = &slice, .slice_count = 1, .len = sizeof datagram, .stride = sizeof datagram};
    struct ftun_endpoint *endpoint = pair->endpoints[side];
    uint32_t flow = pair->flow[side];
    if (side == SIM_CLIENT) {
        flow = ftun_endpoint_flow(endpoint, pair->now_ns, &application, &walk->actions);
        carry_out_all(walk, side, NULL);
    }
    write_datagram(side, pair->sent[side]++, datagram);
    if (flow == FTUN_NO_FLOW)
        return;
    ftun_endpoint_datagrams(endpoint, pair->now_ns, flow, &burst, 0, &walk->actions);
    carry_out_all(walk, side, datagram);
}

static void close_flow(struct pair_walk *walk, enum sim_side side)
{
    struct pair *pair = &walk->pair;
    ftun_endpoint_close(pair->endpoints[side], pair->now_ns, pair->flow[side], &walk->actions);
    carry_out_all(walk, side, NULL);
}

static bool seen_before(const struct pair *pair, uint32_t index)
{
    const struct pair_packet *packet = &pair->flight[index];
    for (uint32_t i = 0; i < index; i++)
        if (pair->flight[i].len == packet->len &&
            memcmp(pair->flight[i].bytes, packet->bytes, packet->len) == 0)
            return true;
    return false;
}

bool pair_may(const struct pair_walk *walk, struct pair_step step)
{
    const struct pair *pair = &walk->pair;
    const struct pair_budget *budget = &pair->budget;
    switch (step.kind) {
    case PAIR_DELIVER:
    case PAIR_DROP:
        return step.packet < pair->flight_count && !seen_before(pair, step.packet);
    case PAIR_DUPLICATE:
        return step.packet < pair->flight_count && !seen_before(pair, step.packet) &&
               budget->duplicates > 0 && pair->flight_count < PAIR_FLIGHT_MAX;
    case PAIR_TIME_OUT:
        return next_deadline(pair) != FTUN_NEVER;
    case PAIR_CLIENT_SENDS:
        return budget->sends[SIM_CLIENT] > 0;
    case PAIR_SERVER_SENDS:
        return budget->sends[SIM_SERVER] > 0 && pair->flow[SIM_SERVER] != FTUN_NO_FLOW;
    case PAIR_CLIENT_CLOSES:
        return budget->closes[SIM_CLIENT] > 0 && pair->flow[SIM_CLIENT] != FTUN_NO_FLOW;
    case PAIR_SERVER_CLOSES:
        return budget->closes[SIM_SERVER] > 0 && pair->flow[SIM_SERVER] != FTUN_NO_FLOW;
    case PAIR_SERVER_DIES:
        return budget->deaths > 0;
    }
    return false;
}

static void end_turn(struct pair_walk *walk)
{
    for (unsigned side = 0; side < SIM_SIDES; side++) {
        bool more;
        do {
            more = ftun_endpoint_end_turn(walk->pair.endpoints[side], walk->pair.now_ns,
                                          &walk->actions);
            carry_out_all(walk, (enum sim_side)side, NULL);
        } while (more);
    }
}

void pair_do(struct pair_walk *walk, struct pair_step step)
{
    struct pair *pair = &walk->pair;
    struct pair_packet packet;
    switch (step.kind) {
    case PAIR_DELIVER:
        packet = take_packet(pair, step.packet);
        arrive(walk, &packet);
        break;
    case PAIR_DROP:
        take_packet(pair, step.packet);
        break;
    case PAIR_DUPLICATE:
        duplicate(walk, step.packet);
        break;
    case PAIR_TIME_OUT:
        time_out(walk);
        break;
    case PAIR_CLIENT_SENDS:
        pair->budget.sends[SIM_CLIENT]--;
        application_sends(walk, SIM_CLIENT);
        break;
    case PAIR_SERVER_SENDS:
        pair->budget.sends[SIM_SERVER]--;
        application_sends(walk, SIM_SERVER);
        break;
    case PAIR_CLIENT_CLOSES:
        pair->budget.closes[SIM_CLIENT]--;
        close_flow(walk, SIM_CLIENT);
        break;
    case PAIR_SERVER_CLOSES:
        pair->budget.closes[SIM_SERVER]--;
        close_flow(walk, SIM_SERVER);
        break;
    case PAIR_SERVER_DIES:
        pair->budget.deaths--;
        start_side(walk, SIM_SERVER);
        break;
    }
    end_turn(walk);
}

/* --- what must hold ----------------------------------------------------------------------- */

void pair_check(struct pair_walk *walk)
{
    for (unsigned side = 0; side < SIM_SIDES; side++)
        if (!ftun_endpoint_valid(walk->pair.endpoints[side]))
            sim_violated(&walk->report, "the %s's state contradicts itself", sides[side]);
}

/* One step of a perfect network. False when there is nothing left to do before `until_ns`. */
static bool calm_step(struct pair_walk *walk, uint64_t until_ns)
{
    const bool arrives =
        walk->breakage != PAIR_BREAK_SILENCE || walk->pair.flight[0].to == SIM_SERVER;
    if (walk->pair.flight_count > 0)
        pair_do(walk, (struct pair_step){.kind = arrives ? PAIR_DELIVER : PAIR_DROP});
    else if (next_deadline(&walk->pair) <= until_ns)
        pair_do(walk, (struct pair_step){.kind = PAIR_TIME_OUT});
    else
        return false;
    return true;
}

static void calm(struct pair_walk *walk, uint64_t until_ns)
{
    for (unsigned i = 0; i < CALM_STEPS_MAX && !walk->report.violated; i++)
        if (!calm_step(walk, until_ns)) {
            if (until_ns != FTUN_NEVER - 1)
                walk->pair.now_ns = until_ns;
            return;
        }
    sim_violated(&walk->report, "with a perfect network it never comes to rest");
}

static bool got(const struct pair *pair, enum sim_side from)
{
    return pair->delivered[from][pair->sent[from] - 1] > 0;
}

/* The client's application says something new until it is heard, and is answered. */
static void check_conversation(struct pair_walk *walk)
{
    struct pair *pair = &walk->pair;
    for (unsigned i = 0; i < 4; i++) {
        memset(pair->delivered, 0, sizeof pair->delivered);
        memset(pair->carried, 0, sizeof pair->carried);
        pair->sent[SIM_CLIENT] = pair->sent[SIM_SERVER] = 6; /* numbers not used before */
        application_sends(walk, SIM_CLIENT);
        end_turn(walk);
        calm(walk, pair->now_ns + 5 * FTUN_SECOND);
        if (!got(pair, SIM_CLIENT) || pair->flow[SIM_SERVER] == FTUN_NO_FLOW)
            continue;
        application_sends(walk, SIM_SERVER);
        end_turn(walk);
        calm(walk, pair->now_ns + FTUN_SECOND);
        if (got(pair, SIM_SERVER))
            return;
    }
    sim_violated(&walk->report, "with a perfect network the application is not heard and answered");
}

void pair_check_outlook(struct pair_walk *walk)
{
    struct pair *pair = &walk->pair;
    calm(walk, pair->now_ns);
    check_conversation(walk);
    if (pair->flow[SIM_CLIENT] != FTUN_NO_FLOW)
        close_flow(walk, SIM_CLIENT);
    end_turn(walk);
    calm(walk, FTUN_NEVER - 1);
    for (unsigned side = 0; side < SIM_SIDES; side++)
        if (ftun_endpoint_flow_count(pair->endpoints[side]) > 0)
            sim_violated(&walk->report, "a flow of the %s is left for ever", sides[side]);
}
