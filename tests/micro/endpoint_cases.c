/* Steps of an endpoint. A client and a server speak to each other in memory, without loss and
 * without delay; a case measures the calls of one kind, at one end. */
#include "micro.h"

#include "endpoint.h"

enum {
    DATAGRAM = 1400, /* bytes */
    BURST = 45,      /* datagrams: as many as fit 64 KiB */
    HEADERS_MAX = FTUN_HEADERS_MAX,
    APPLICATION = 5000, /* port */
    SERVER_PORT = 4567,
    IDLE_FLOWS = 100000
};

/* What one call of a case may be. */
enum kind { SENDING, RECEIVING, ACKNOWLEDGED, HANDSHAKE_CLIENT, HANDSHAKE_SERVER, IDLING, KNOCK };

struct end {
    struct ftun_endpoint *endpoint;
    struct ftun_actions actions;
    enum kind kind; /* of what it does now */
};

static struct end client;
static struct end server;
static uint64_t now_ns;
static uint32_t flow; /* the client's */
static enum kind measured;

static uint8_t payload[BURST * DATAGRAM];
static const struct ftun_slice payload_slice = {.data = payload, .len = sizeof payload};

/* --- calls -------------------------------------------------------------------------------- */

static void begin(enum kind kind)
{
    if (kind == measured)
        micro_begin();
}

static void end(enum kind kind)
{
    if (kind == measured)
        micro_end();
}

/* A packet, and the end of the turn; the actions of both, the packet's in `first`. */
static void give(struct end *to, const struct ftun_tunnel_packet *packet,
                 struct ftun_actions *first)
{
    begin(to->kind);
    ftun_endpoint_packet(to->endpoint, now_ns, packet, &to->actions);
    end(to->kind);
    *first = to->actions;
    begin(to->kind);
    ftun_endpoint_end_turn(to->endpoint, now_ns, &to->actions);
    end(to->kind);
}

static void deliver(const struct ftun_actions *actions, struct end *to, struct end *from);

/* The packet as the peer's kernel hands it over: checksums vouched for, segments glued. */
static void carry(const struct ftun_action *action, struct end *to, struct end *from)
{
    static uint8_t bytes[FTUN_IP_PACKET_MAX];
    static struct ftun_actions answers;
    const struct ftun_segment *segment = &action->send.segment;
    const size_t headers = ftun_segment_emit(segment, FTUN_CHECKSUM_PARTIAL, 0, bytes);
    const uint8_t *data = action->send.data != NULL ? action->send.data : payload;
    memcpy(bytes + headers, data, segment->payload_len);
    const struct ftun_tunnel_packet packet = {
        .data = bytes,
        .len = headers + segment->payload_len,
        .segment_size = segment->payload_len > action->send.stride ? action->send.stride : 0,
        .checksum_vouched = true,
    };
    give(to, &packet, &answers);
    const struct ftun_actions first = answers;
    const struct ftun_actions last = to->actions;
    deliver(&first, from, to);
    deliver(&last, from, to);
}

/* What `from` wants sent goes to `to`, and its answers back, until nobody has anything to say. */
static void deliver(const struct ftun_actions *actions, struct end *to, struct end *from)
{
    for (size_t i = 0; i < actions->count; i++)
        if (actions->at[i].kind == FTUN_ACTION_SEND)
            carry(&actions->at[i], to, from);
}

static void deliver_all(struct end *from, struct end *to)
{
    const struct ftun_actions actions = from->actions;
    deliver(&actions, to, from);
}

/* --- ends --------------------------------------------------------------------------------- */

static struct ftun_endpoint *create(enum ftun_role role, uint32_t max_flows)
{
    const bool probes = role == FTUN_CLIENT;
    const struct ftun_endpoint_config config = {
        .role = role,
        .key = {{1, 2, 3}},
        .path = {.remote = {micro_host(2), SERVER_PORT}, .local = micro_host(1)},
        .local4 = micro_host(2),
        .port = SERVER_PORT,
        .mtu = 1500,
        .host = {.receive_space = 131072, .window_scale = 10},
        .hops = 1,
        .segmentation_offload = true,
        .timeouts = {.idle_ns = FTUN_IDLE_TIMEOUT_DEFAULT,
                     .keepalive_ns = probes ? FTUN_KEEPALIVE_DEFAULT : FTUN_NEVER,
                     .dead_after_ns = probes ? FTUN_DEAD_AFTER_DEFAULT : FTUN_NEVER},
        .max_flows = max_flows,
        .pending_slots = 64,
        .resumption = true,
    };
    return ftun_endpoint_create(&config, micro_memory(ftun_endpoint_size(&config)));
}

static void open_flow(void)
{
    const struct ftun_socket_address application = {micro_host(3), APPLICATION};
    client.kind = HANDSHAKE_CLIENT;
    server.kind = HANDSHAKE_SERVER;
    begin(HANDSHAKE_CLIENT);
    flow = ftun_endpoint_flow(client.endpoint, now_ns, &application, &client.actions);
    end(HANDSHAKE_CLIENT);
    deliver_all(&client, &server);
    micro_check(ftun_endpoint_counters(client.endpoint)->bytes_delivered == 0 &&
                    ftun_endpoint_flow_count(server.endpoint) >= 1,
                "the server has the flow");
}

static void prepare_pair(void)
{
    now_ns = 100 * FTUN_SECOND;
    client.endpoint = create(FTUN_CLIENT, 16);
    server.endpoint = create(FTUN_SERVER, 16);
}

/* --- data --------------------------------------------------------------------------------- */

static uint64_t delivered(void)
{
    return ftun_endpoint_counters(server.endpoint)->datagrams_delivered;
}

/* A burst of `count` datagrams, and what the peer answers. */
static void exchange(size_t count)
{
    const struct ftun_burst burst = {
        .slices = &payload_slice,
        .slice_count = 1,
        .len = count * DATAGRAM,
        .stride = DATAGRAM,
    };
    now_ns += 10 * count * 1000; /* 1.1 Gbit/s */
    client.kind = ACKNOWLEDGED;
    server.kind = RECEIVING;
    begin(SENDING);
    ftun_endpoint_flow(client.endpoint, now_ns,
                       &(const struct ftun_socket_address){micro_host(3), APPLICATION},
                       &client.actions);
    const size_t done =
        ftun_endpoint_datagrams(client.endpoint, now_ns, flow, &burst, 0, &client.actions);
    end(SENDING);
    micro_check(done == burst.len, "the burst is sent");
    deliver_all(&client, &server);
}

static void exchanges(unsigned times, size_t count, enum kind kind)
{
    const uint64_t before = delivered();
    measured = kind;
    for (unsigned i = 0; i < times; i++)
        exchange(count);
    micro_check(delivered() - before == times * count, "all datagrams arrive");
}

static void prepare_flow(void)
{
    prepare_pair();
    open_flow();
    exchange(1);
}

static void send_one(unsigned times)
{
    exchanges(times, 1, SENDING);
}

static void send_burst(unsigned times)
{
    exchanges(times, BURST, SENDING);
}

static void receive_one(unsigned times)
{
    exchanges(times, 1, RECEIVING);
}

static void receive_burst(unsigned times)
{
    exchanges(times, BURST, RECEIVING);
}

static void receive_ack(unsigned times)
{
    exchanges(times, BURST, ACKNOWLEDGED);
}

/* --- flows -------------------------------------------------------------------------------- */

static void pass(struct end *end)
{
    while (ftun_endpoint_deadline(end->endpoint) <= now_ns)
        ftun_endpoint_timeout(end->endpoint, now_ns, &end->actions);
}

static void close_flow(void)
{
    client.kind = HANDSHAKE_CLIENT;
    server.kind = HANDSHAKE_SERVER;
    begin(HANDSHAKE_CLIENT);
    ftun_endpoint_close(client.endpoint, now_ns, flow, &client.actions);
    end(HANDSHAKE_CLIENT);
    deliver_all(&client, &server);
    now_ns += 2 * FTUN_TIME_WAIT_DURATION;
    pass(&client);
    pass(&server);
    micro_check(ftun_endpoint_flow_count(client.endpoint) == 0 &&
                    ftun_endpoint_flow_count(server.endpoint) == 0,
                "both ends have forgotten the flow");
}

static void open_and_close(unsigned times, enum kind kind)
{
    measured = kind;
    for (unsigned i = 0; i < times; i++) {
        open_flow();
        close_flow();
    }
}

static void open_and_close_client(unsigned times)
{
    open_and_close(times, HANDSHAKE_CLIENT);
}

static void open_and_close_server(unsigned times)
{
    open_and_close(times, HANDSHAKE_SERVER);
}

/* --- strangers, and those who say nothing -------------------------------------------------- */

static struct ftun_segment from_stranger(uint32_t number, uint8_t flags)
{
    return (struct ftun_segment){
        .tuple = {.local = {micro_host(1000 + number), 40000},
                  .remote = {micro_host(2), SERVER_PORT}},
        .tcp = {.sequence = number, .window = 64240, .flags = flags},
        .ttl = 64,
    };
}

static void give_segment(const struct ftun_segment *segment)
{
    uint8_t bytes[HEADERS_MAX + 1] = {0};
    const size_t headers = ftun_segment_emit(segment, FTUN_CHECKSUM_PARTIAL, 0, bytes);
    const struct ftun_tunnel_packet packet = {
        .data = bytes, .len = headers + segment->payload_len, .checksum_vouched = true};
    begin(KNOCK);
    ftun_endpoint_packet(server.endpoint, now_ns, &packet, &server.actions);
    end(KNOCK);
}

/* A SYN with Linux's options; the server's answer is its first action. */
static void knock(uint32_t number)
{
    struct ftun_segment syn = from_stranger(number, FTUN_SYN);
    const struct ftun_tcp_options values = {.mss = 1460};
    syn.tcp.options_len =
        (uint8_t)ftun_profile_syn_options(&ftun_profile_linux, &values, NULL, syn.tcp.options);
    give_segment(&syn);
    micro_check(server.actions.count == 1 && server.actions.at[0].kind == FTUN_ACTION_SEND,
                "the SYN is answered");
}

static void join(uint32_t number)
{
    knock(number);
    const struct ftun_tcp_header answer = server.actions.at[0].send.segment.tcp;
    struct ftun_segment first = from_stranger(number, FTUN_ACK);
    first.tcp.sequence = answer.acknowledgment;
    first.tcp.acknowledgment = answer.sequence + 1;
    first.payload_len = 1;
    give_segment(&first);
}

static void prepare_server(void)
{
    now_ns = 100 * FTUN_SECOND;
    server.endpoint = create(FTUN_SERVER, IDLE_FLOWS);
}

static void knocks(unsigned times)
{
    measured = KNOCK;
    for (unsigned i = 0; i < times; i++)
        knock(i);
}

static void prepare_idle_flows(void)
{
    prepare_server();
    measured = IDLING;
    for (uint32_t i = 0; i < IDLE_FLOWS; i++)
        join(i);
    micro_check(ftun_endpoint_flow_count(server.endpoint) == IDLE_FLOWS, "all flows are open");
    while (ftun_endpoint_end_turn(server.endpoint, now_ns, &server.actions))
        ;
    now_ns += FTUN_SECOND; /* past the delayed acknowledgments */
    pass(&server);
}

/* Each turn a millisecond after the other, all within a second of the flows' last word. */
static void idle(unsigned times)
{
    const uint64_t began_ns = now_ns;
    measured = IDLING;
    for (unsigned i = 0; i < times; i++) {
        now_ns += FTUN_MILLISECOND;
        begin(IDLING);
        if (ftun_endpoint_deadline(server.endpoint) <= now_ns)
            ftun_endpoint_timeout(server.endpoint, now_ns, &server.actions);
        ftun_endpoint_end_turn(server.endpoint, now_ns, &server.actions);
        end(IDLING);
        micro_check(server.actions.count == 0, "an idle turn asks for nothing");
    }
    now_ns = began_ns;
}

const struct micro_case endpoint_cases[] = {
    {"send.1", prepare_flow, send_one, 1000},
    {"send.45", prepare_flow, send_burst, 1000},
    {"receive.1", prepare_flow, receive_one, 1000},
    {"receive.45", prepare_flow, receive_burst, 1000},
    {"receive.ack", prepare_flow, receive_ack, 1000},
    {"flow.client", prepare_pair, open_and_close_client, 100},
    {"flow.server", prepare_pair, open_and_close_server, 100},
    {"syn", prepare_server, knocks, 1000},
    {"idle.100000", prepare_idle_flows, idle, 100},
};
const size_t endpoint_case_count = sizeof endpoint_cases / sizeof endpoint_cases[0];
