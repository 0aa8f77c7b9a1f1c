#include "endpoint_fixture.h"

#include "checksum.h"
#include "text.h"
#include "trace.h"

#include <stdlib.h>

enum { MANY_FLOWS = 1000 }; /* from here on it takes too long to look at each after each step */

const uint64_t start = 100 * FTUN_SECOND;

struct ftun_endpoint_config config;
struct ftun_endpoint *endpoint;
struct ftun_actions actions;
uint64_t now;
uint32_t own_isn;
uint16_t own_port;

static void *memory;
static char lines[8192];

const struct ftun_socket_address *application_at(uint16_t port)
{
    static struct ftun_socket_address application;
    application = at(ipv4(127, 0, 0, 1), port);
    return &application;
}

struct ftun_path path_to(struct ftun_socket_address server)
{
    const bool v6 = server.ip.family == FTUN_IPV6;
    return (struct ftun_path){server, v6 ? ipv6(1) : ipv4(192, 168, 200, 2)};
}

struct ftun_endpoint_config client_config(void)
{
    return (struct ftun_endpoint_config){
        .role = FTUN_CLIENT,
        .key = {{1, 2, 3}},
        .path = path_to(at(ipv4(10, 0, 0, 2), 4567)),
        .mtu = 1500,
        .hops = 1,
        .segmentation_offload = true,
        .timeouts = {FTUN_IDLE_TIMEOUT_DEFAULT, FTUN_NEVER, FTUN_NEVER},
        .max_flows = 4,
        .pending_slots = 20,
    };
}

struct ftun_endpoint_config server_config(void)
{
    struct ftun_endpoint_config c = client_config();
    c.role = FTUN_SERVER;
    c.local4 = ipv4(192, 168, 201, 2);
    c.local6 = ipv6(2);
    c.port = 4567;
    return c;
}

struct ftun_endpoint_config watchful_config(void)
{
    struct ftun_endpoint_config c = client_config();
    c.timeouts.keepalive_ns = FTUN_KEEPALIVE_DEFAULT;
    c.timeouts.dead_after_ns = FTUN_DEAD_AFTER_DEFAULT;
    return c;
}

void create(struct ftun_endpoint_config wanted)
{
    config = wanted;
    free(memory);
    memory = malloc(ftun_endpoint_size(&config));
    memset(memory, 0xa5, ftun_endpoint_size(&config)); /* as memory from malloc() may be */
    endpoint = ftun_endpoint_create(&config, memory);
    now = start;
    own_isn = own_port = 0;
}

int endpoint_tear_down(void **state)
{
    (void)state;
    free(memory);
    memory = NULL;
    return 0;
}

static void write_send(struct ftun_text *text, const struct ftun_action *action)
{
    struct ftun_action relative = *action;
    struct ftun_tcp_header *tcp = &relative.send.segment.tcp;
    if ((tcp->flags & FTUN_SYN) != 0) {
        own_isn = tcp->sequence;
        own_port = action->send.segment.tuple.local.port;
    }
    tcp->sequence -= own_isn;
    char line[FTUN_TRACE_MAX];
    ftun_trace_action(&relative, line, sizeof line);
    const char *rest = strchr(strchr(line + 2, ' ') + 1, ' ');
    ftun_text_char(text, '>');
    ftun_text_string(text, rest);
}

const char *happened(void)
{
    struct ftun_text text = ftun_text_start(lines, sizeof lines);
    for (size_t i = 0; i < actions.count; i++) {
        const struct ftun_action *action = &actions.at[i];
        char line[FTUN_TRACE_MAX];
        if (i > 0)
            ftun_text_string(&text, " | ");
        if (action->kind == FTUN_ACTION_SEND)
            write_send(&text, action);
        else if (action->kind == FTUN_ACTION_OPEN)
            ftun_text_string(&text, "open");
        else
            ftun_text_string(&text, ftun_trace_action(action, line, sizeof line));
    }
    actions.count = 0;
    if (config.max_flows < MANY_FLOWS)
        assert_true(ftun_endpoint_valid(endpoint));
    return lines;
}

const char *meet_deadline(void)
{
    const uint64_t due = ftun_endpoint_deadline(endpoint);
    assert_int_not_equal(due, FTUN_NEVER);
    now = due > now ? due : now;
    ftun_endpoint_timeout(endpoint, now, &actions);
    return happened();
}

const char *wait_for_event(void)
{
    const char *text = "";
    while (text[0] == '\0')
        text = meet_deadline();
    return text;
}

static struct ftun_segment segment_from(struct peer peer, uint8_t flags, uint32_t sequence,
                                        uint32_t ack)
{
    return (struct ftun_segment){
        .tuple = {.local = peer.address, .remote = peer.to},
        .tcp = {.sequence = sequence, .acknowledgment = ack, .window = 65535, .flags = flags},
        .ttl = 64,
    };
}

static void add_options(struct ftun_segment *segment, const uint8_t *options, size_t len)
{
    memcpy(segment->tcp.options, options, len);
    segment->tcp.options_len = (uint8_t)len;
}

static void give_segment(struct ftun_segment *segment, const uint8_t *payload, size_t len,
                         size_t segment_size)
{
    static uint8_t packet[2000]; /* it is to outlive the call: DELIVER points into it */
    segment->payload_len = len;
    const size_t headers =
        ftun_segment_emit(segment, FTUN_CHECKSUM_FULL, ftun_sum(payload, len), packet);
    memcpy(packet + headers, payload, len);
    const struct ftun_tunnel_packet tunnel_packet = {
        .data = packet, .len = headers + len, .segment_size = segment_size};
    ftun_endpoint_packet(endpoint, now, &tunnel_packet, &actions);
}

void give_bytes(struct peer peer, uint8_t flags, uint32_t sequence, uint32_t ack,
                const uint8_t *payload, size_t len, size_t segment_size)
{
    static const uint8_t of_syn[] = {2, 4, 0x05, 0xb4, 1, 3, 3, 10};
    struct ftun_segment segment = segment_from(peer, flags, sequence, ack);
    if ((flags & FTUN_SYN) != 0)
        add_options(&segment, of_syn, sizeof of_syn);
    give_segment(&segment, payload, len, segment_size);
}

void give_options(struct peer peer, uint8_t flags, uint32_t sequence, uint32_t ack,
                  const uint8_t *options, size_t len)
{
    struct ftun_segment segment = segment_from(peer, flags, sequence, ack);
    add_options(&segment, options, len);
    give_segment(&segment, (const uint8_t *)"", 0, 0);
}

void give_glued(struct peer peer, uint8_t flags, uint32_t sequence, uint32_t ack,
                const char *payload, size_t segment_size)
{
    give_bytes(peer, flags, sequence, ack, (const uint8_t *)payload, strlen(payload), segment_size);
}

struct peer the_server(void)
{
    return (struct peer){config.path.remote, at(config.path.local, own_port)};
}

struct peer a_client(uint16_t port)
{
    return (struct peer){at(ipv4(10, 0, 0, 1), port), at(config.local4, config.port)};
}

void give(struct peer peer, uint8_t flags, uint32_t sequence, uint32_t ack, const char *payload)
{
    give_glued(peer, flags, sequence, ack, payload, 0);
}

size_t send_datagrams(uint32_t flow, size_t len, size_t stride)
{
    static uint8_t bytes[65535];
    const struct ftun_slice slice = {.data = bytes, .len = len};
    const struct ftun_burst burst = {
        .slices = &slice, .slice_count = 1, .len = len, .stride = stride};
    return ftun_endpoint_datagrams(endpoint, now, flow, &burst, 0, &actions);
}

uint64_t refused(enum ftun_refusal refusal)
{
    return ftun_endpoint_counters(endpoint)->refused[refusal];
}

uint32_t dialing_client_of(struct ftun_endpoint_config wanted)
{
    create(wanted);
    const uint32_t flow = ftun_endpoint_flow(endpoint, now, application_at(1), &actions);
    happened();
    return flow;
}

uint32_t established_client_of(struct ftun_endpoint_config wanted)
{
    const uint32_t flow = dialing_client_of(wanted);
    give(the_server(), FTUN_SYN | FTUN_ACK, 5000, own_isn + 1, "");
    give(the_server(), FTUN_ACK, 5001, own_isn + 1, ""); /* opens the window */
    return flow;
}

uint32_t established_client(void)
{
    return established_client_of(client_config());
}

void client_of_all_ports(struct ftun_endpoint_config wanted)
{
    const uint32_t ports = FTUN_PORT_LAST - FTUN_PORT_FIRST + 1;
    wanted.max_flows = ports + 1;
    create(wanted);
    while (ftun_endpoint_flow_count(endpoint) < ports) {
        const uint16_t next = (uint16_t)(ftun_endpoint_flow_count(endpoint) + 1);
        ftun_endpoint_flow(endpoint, now, application_at(next), &actions);
        happened();
    }
}

void established_server(uint16_t port)
{
    give(a_client(port), FTUN_SYN, 100, 0, "");
    happened();
    give(a_client(port), FTUN_ACK, 101, own_isn + 1, "");
}
