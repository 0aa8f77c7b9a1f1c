/* The endpoint's actions for each kind of input, as trace lines. Sequence numbers that an endpoint
 * chose are shown relative to its first: tests cannot know them, and need not. */
#include "bytes.h"
#include "checksum.h"
#include "endpoint.h"
#include "text.h"
#include "trace.h"
#include "unit.h"

#include <stdlib.h>

static const uint64_t start = 100 * FTUN_SECOND;

static struct ftun_endpoint_config config;
static struct ftun_endpoint *endpoint;
static void *memory;
static struct ftun_actions actions;
static char lines[8192];
static uint64_t now;
static uint32_t own_isn;
static uint16_t own_port;

static const struct ftun_socket_address *application_at(uint16_t port)
{
    static struct ftun_socket_address application;
    application = at(ipv4(127, 0, 0, 1), port);
    return &application;
}

static struct ftun_endpoint_config client_config(void)
{
    return (struct ftun_endpoint_config){
        .role = FTUN_CLIENT,
        .key = {{1, 2, 3}},
        .local4 = ipv4(192, 168, 200, 2),
        .remote = at(ipv4(10, 0, 0, 2), 4567),
        .mtu = 1500,
        .hops = 1,
        .segmentation_offload = true,
        .idle_timeout_ns = FTUN_IDLE_TIMEOUT_DEFAULT,
        .max_flows = 4,
        .pending_slots = 20,
    };
}

static struct ftun_endpoint_config server_config(void)
{
    struct ftun_endpoint_config c = client_config();
    c.role = FTUN_SERVER;
    c.local4 = ipv4(192, 168, 201, 2);
    c.local6 = ipv6(2);
    c.port = 4567;
    return c;
}

static void create(struct ftun_endpoint_config wanted)
{
    config = wanted;
    free(memory);
    memory = malloc(ftun_endpoint_size(&config));
    endpoint = ftun_endpoint_create(&config, memory);
    now = start;
    own_isn = own_port = 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(memory);
    memory = NULL;
    return 0;
}

/* Segments become "> FLAGS sequence:end(len) ack N win W"; addresses are checked elsewhere. */
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

static const char *happened(void)
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
    return lines;
}

struct peer {
    struct ftun_socket_address address;
    struct ftun_socket_address to;
};

static void give_from(const struct peer *peer, uint8_t flags, uint32_t sequence, uint32_t ack,
                      const char *payload, size_t segment_size)
{
    uint8_t packet[2000];
    const size_t len = strlen(payload);
    struct ftun_segment s = {
        .tuple = {.local = peer->address, .remote = peer->to},
        .tcp = {.sequence = sequence, .acknowledgment = ack, .window = 65535, .flags = flags},
        .ttl = 64,
        .payload_len = len,
    };
    if ((flags & FTUN_SYN) != 0) {
        static const uint8_t options[] = {2, 4, 0x05, 0xb4, 1, 3, 3, 10};
        memcpy(s.tcp.options, options, sizeof options);
        s.tcp.options_len = sizeof options;
    }
    const uint8_t *bytes = (const uint8_t *)payload;
    const size_t headers = ftun_segment_emit(&s, FTUN_CHECKSUM_FULL, ftun_sum(bytes, len), packet);
    memcpy(packet + headers, payload, len);
    const struct ftun_tunnel_packet tunnel_packet = {
        .data = packet, .len = headers + len, .segment_size = segment_size};
    ftun_endpoint_packet(endpoint, now, &tunnel_packet, &actions);
}

/* To a client: from its server. */
static struct peer the_server(void)
{
    return (struct peer){config.remote, at(config.local4, own_port)};
}

/* To a server: from a client. */
static struct peer a_client(uint16_t port)
{
    return (struct peer){at(ipv4(10, 0, 0, 1), port), at(config.local4, config.port)};
}

/* Phantun's SYN-ACK: window scale 14 and no MSS. */
static void give_without_options(const struct peer peer, uint8_t flags, uint32_t sequence,
                                 uint32_t ack)
{
    uint8_t packet[100];
    const struct ftun_segment s = {
        .tuple = {.local = peer.address, .remote = peer.to},
        .tcp = {.sequence = sequence,
                .acknowledgment = ack,
                .window = 65535,
                .flags = flags,
                .options_len = 4,
                .options = {1, 3, 3, 14}},
        .ttl = 64,
    };
    const size_t len = ftun_segment_emit(&s, FTUN_CHECKSUM_FULL, 0, packet);
    const struct ftun_tunnel_packet tunnel_packet = {.data = packet, .len = len};
    ftun_endpoint_packet(endpoint, now, &tunnel_packet, &actions);
}

static void give(const struct peer peer, uint8_t flags, uint32_t sequence, uint32_t ack,
                 const char *payload)
{
    give_from(&peer, flags, sequence, ack, payload, 0);
}

static size_t send_datagrams(uint32_t flow, size_t len, size_t stride)
{
    static uint8_t bytes[65535];
    const struct ftun_slice slice = {.data = bytes, .len = len};
    const struct ftun_burst burst = {
        .slices = &slice, .slice_count = 1, .len = len, .stride = stride};
    return ftun_endpoint_datagrams(endpoint, now, flow, &burst, 0, &actions);
}

static uint64_t refused(enum ftun_refusal refusal)
{
    return ftun_endpoint_counters(endpoint)->refused[refusal];
}

#define SYN "> S 0:0(0) win 64240 <mss 1460,nop,nop,sackOK,nop,wscale 10>"

/* A client with one established flow, 0; the server's first sequence number is 5000. */
static uint32_t established_client(void)
{
    create(client_config());
    const uint32_t flow = ftun_endpoint_flow(endpoint, now, application_at(1), &actions);
    happened();
    give(the_server(), FTUN_SYN | FTUN_ACK, 5000, own_isn + 1, "");
    give(the_server(), FTUN_ACK, 5001, own_isn + 1, ""); /* opens the window */
    return flow;
}

/* A server with one established flow, 0; the client's first sequence number is 100. */
static void established_server(uint16_t port)
{
    give(a_client(port), FTUN_SYN, 100, 0, "");
    happened();
    give(a_client(port), FTUN_ACK, 101, own_isn + 1, "");
}

/* --- client ------------------------------------------------------------------------------- */

static void the_first_datagram_opens_a_flow_and_waits_for_it(void **state)
{
    (void)state;
    create(client_config());
    const uint32_t flow = ftun_endpoint_flow(endpoint, now, application_at(1), &actions);
    assert_int_equal(flow, 0);
    assert_string_equal(happened(), "open | " SYN);
    assert_int_equal(send_datagrams(flow, 250, 100), 250);
    assert_string_equal(happened(), "");
    give(the_server(), FTUN_SYN | FTUN_ACK, 5000, own_isn + 1, "");
    assert_string_equal(happened(), "> . 1:1(0) ack 5001 win 65535 | "
                                    "established flow 0 profile linux mss 1460 | "
                                    "> P. 1:101(100) ack 5001 win 65535 | "
                                    "> P. 101:201(100) ack 5001 win 65535 | "
                                    "> P. 201:251(50) ack 5001 win 65535");
}

static void a_flow_is_found_again_by_its_application(void **state)
{
    (void)state;
    const uint32_t flow = established_client();
    assert_int_equal(ftun_endpoint_flow(endpoint, now, application_at(1), &actions), flow);
    assert_string_equal(happened(), "");
    assert_int_not_equal(ftun_endpoint_flow(endpoint, now, application_at(2), &actions), flow);
}

static void a_syn_goes_out_as_the_plan_says(void **state)
{
    (void)state;
    create(client_config());
    ftun_endpoint_flow(endpoint, now, application_at(1), &actions);
    const struct ftun_segment *s = &actions.at[1].send.segment;
    assert_true(ftun_address_equal(&s->tuple.local.ip, &config.local4));
    assert_true(ftun_socket_address_equal(&s->tuple.remote, &config.remote));
    assert_in_range(s->tuple.local.port, FTUN_PORT_FIRST, FTUN_PORT_LAST);
    assert_int_equal(s->ttl, 65); /* the host decrements it once */
}

static void a_burst_leaves_as_one_super_segment(void **state)
{
    (void)state;
    const uint32_t flow = established_client();
    assert_int_equal(send_datagrams(flow, 46 * 1400, 1400), 46 * 1400);
    assert_string_equal(happened(), "> P. 1:64401(46x1400) ack 5001 win 65535");
    assert_int_equal(send_datagrams(flow, 1400, 1400), 1400);
    assert_string_equal(happened(), "> P. 64401:65801(1400) ack 5001 win 65535");
}

static void without_offload_each_datagram_is_a_segment(void **state)
{
    (void)state;
    struct ftun_endpoint_config c = client_config();
    c.segmentation_offload = false;
    create(c);
    const uint32_t flow = ftun_endpoint_flow(endpoint, now, application_at(1), &actions);
    happened();
    give(the_server(), FTUN_SYN | FTUN_ACK, 5000, own_isn + 1, "");
    assert_int_equal(send_datagrams(flow, 250, 100), 250);
    assert_string_equal(happened(), "> P. 1:101(100) ack 5001 win 65535 | "
                                    "> P. 101:201(100) ack 5001 win 65535 | "
                                    "> P. 201:251(50) ack 5001 win 65535");
}

static void more_datagrams_than_actions_are_taken_in_several_calls(void **state)
{
    (void)state;
    struct ftun_endpoint_config c = client_config();
    c.segmentation_offload = false;
    create(c);
    const uint32_t flow = ftun_endpoint_flow(endpoint, now, application_at(1), &actions);
    happened();
    give(the_server(), FTUN_SYN | FTUN_ACK, 5000, own_isn + 1, "");
    assert_int_equal(send_datagrams(flow, 100, 1), FTUN_ACTIONS_MAX);
    assert_int_equal(actions.count, FTUN_ACTIONS_MAX);
}

static void a_burst_beyond_one_packet_leaves_in_two(void **state)
{
    (void)state;
    const uint32_t flow = established_client();
    assert_int_equal(send_datagrams(flow, 65535, 1000), 65535);
    assert_string_equal(happened(), "> P. 1:65001(65x1000) ack 5001 win 65535 | "
                                    "> P. 65001:65536(535) ack 5001 win 65535");
}

/* F22: oversize datagrams vanish silently elsewhere. */
static void F22_a_datagram_larger_than_a_segment_is_refused_and_counted(void **state)
{
    (void)state;
    const uint32_t flow = established_client();
    assert_int_equal(send_datagrams(flow, 2 * 1461 + 10, 1461), 2 * 1461 + 10);
    assert_string_equal(happened(), "> P. 1:11(10) ack 5001 win 65535");
    assert_int_equal(refused(FTUN_REFUSED_DATAGRAM_TOO_LARGE), 2);
    assert_int_equal(send_datagrams(flow, 1460, 1460), 1460);
    assert_string_equal(happened(), "> P. 11:1471(1460) ack 5001 win 65535");
}

static void F22_an_oversize_datagram_is_told_apart_during_the_handshake_too(void **state)
{
    (void)state;
    create(client_config());
    const uint32_t flow = ftun_endpoint_flow(endpoint, now, application_at(1), &actions);
    send_datagrams(flow, 1461, 1461);
    assert_int_equal(refused(FTUN_REFUSED_DATAGRAM_TOO_LARGE), 1);
    assert_int_equal(refused(FTUN_REFUSED_PENDING_FULL), 0);
}

static void F25_an_empty_datagram_is_refused_and_counted(void **state)
{
    (void)state;
    const uint32_t flow = established_client();
    assert_int_equal(send_datagrams(flow, 0, 0), 0);
    assert_string_equal(happened(), "");
    assert_int_equal(refused(FTUN_REFUSED_DATAGRAM_EMPTY), 1);
}

/* F15: one unreachable server stalls every new client for 3 s in Phantun. */
static void F15_handshakes_are_independent_and_their_queues_bounded(void **state)
{
    (void)state;
    create(client_config());
    const uint32_t first = ftun_endpoint_flow(endpoint, now, application_at(1), &actions);
    assert_string_equal(happened(), "open | " SYN);
    const uint32_t second = ftun_endpoint_flow(endpoint, now, application_at(2), &actions);
    assert_string_equal(happened(), "open | " SYN);
    send_datagrams(first, 17 * 10, 10);
    assert_int_equal(refused(FTUN_REFUSED_PENDING_FULL), 1); /* 16 a flow */
    send_datagrams(second, 5 * 10, 10);
    assert_int_equal(refused(FTUN_REFUSED_PENDING_FULL), 2); /* 20 in all */
    give(the_server(), FTUN_SYN | FTUN_ACK, 5000, own_isn + 1, "");
    assert_string_equal(happened(), "> . 1:1(0) ack 5001 win 65535 | "
                                    "established flow 1 profile linux mss 1460 | "
                                    "> P. 1:11(10) ack 5001 win 65535 | "
                                    "> P. 11:21(10) ack 5001 win 65535 | "
                                    "> P. 21:31(10) ack 5001 win 65535 | "
                                    "> P. 31:41(10) ack 5001 win 65535");
}

static void a_flow_that_gets_no_answer_is_closed_and_its_queue_counted(void **state)
{
    (void)state;
    create(client_config());
    const uint32_t flow = ftun_endpoint_flow(endpoint, now, application_at(1), &actions);
    send_datagrams(flow, 30, 10);
    for (unsigned i = 0; i < FTUN_SYN_RETRIES; i++) {
        now = ftun_endpoint_deadline(endpoint);
        ftun_endpoint_timeout(endpoint, now, &actions);
        assert_string_equal(happened(), SYN);
    }
    now = ftun_endpoint_deadline(endpoint);
    assert_int_equal(now, start + 5 * FTUN_SECOND);
    ftun_endpoint_timeout(endpoint, now, &actions);
    assert_string_equal(happened(), "close flow 0: no answer to the handshake");
    assert_int_equal(refused(FTUN_REFUSED_FLOW_CLOSING), 3);
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 0);
    assert_int_equal(ftun_endpoint_deadline(endpoint), FTUN_NEVER);
}

static void after_a_reset_the_next_datagram_opens_a_new_connection(void **state)
{
    (void)state;
    established_client();
    const uint16_t first_port = own_port;
    give(the_server(), FTUN_RST, 5001, 0, "");
    assert_string_equal(happened(), "close flow 0: reset by the peer");
    ftun_endpoint_flow(endpoint, now, application_at(1), &actions);
    assert_string_equal(happened(), "open | " SYN);
    assert_int_not_equal(own_port, first_port);
}

static void the_flow_limit_refuses_the_newest(void **state)
{
    (void)state;
    create(client_config());
    for (uint16_t i = 1; i <= 4; i++)
        assert_int_not_equal(ftun_endpoint_flow(endpoint, now, application_at(i), &actions),
                             FTUN_NO_FLOW);
    assert_int_equal(ftun_endpoint_flow(endpoint, now, application_at(5), &actions), FTUN_NO_FLOW);
    assert_int_equal(refused(FTUN_REFUSED_FLOW_LIMIT), 1);
    assert_int_equal(actions.count, 0);
}

static void a_server_of_a_family_without_address_is_refused(void **state)
{
    (void)state;
    struct ftun_endpoint_config c = client_config();
    c.remote = at(ipv6(9), 4567);
    create(c);
    assert_int_equal(ftun_endpoint_flow(endpoint, now, application_at(1), &actions), FTUN_NO_FLOW);
    assert_int_equal(refused(FTUN_REFUSED_FAMILY_UNAVAILABLE), 1);
}

static void the_handshake_packet_goes_first(void **state)
{
    (void)state;
    struct ftun_endpoint_config c = client_config();
    c.handshake_packet = (const uint8_t *)"GET /";
    c.handshake_packet_len = 5;
    create(c);
    const uint32_t flow = ftun_endpoint_flow(endpoint, now, application_at(1), &actions);
    happened();
    send_datagrams(flow, 10, 10);
    give(the_server(), FTUN_SYN | FTUN_ACK, 5000, own_isn + 1, "");
    assert_string_equal(happened(), "> . 1:1(0) ack 5001 win 65535 | "
                                    "established flow 0 profile linux mss 1460 | "
                                    "> P. 1:6(5) ack 5001 win 65535 | "
                                    "> P. 6:16(10) ack 5001 win 65535");
}

static void datagrams_wait_for_no_window_but_are_refused(void **state)
{
    (void)state;
    create(client_config());
    const uint32_t flow = ftun_endpoint_flow(endpoint, now, application_at(1), &actions);
    happened();
    give(the_server(), FTUN_SYN | FTUN_ACK, 5000, own_isn + 1, ""); /* a window of 65535 */
    happened();
    send_datagrams(flow, 65000, 1000);
    happened();
    assert_int_equal(send_datagrams(flow, 3000, 100), 3000);
    assert_string_equal(happened(), "> P. 65001:65501(5x100) ack 5001 win 65535");
    assert_int_equal(refused(FTUN_REFUSED_WINDOW_FULL), 25);
}

/* --- Phantun ------------------------------------------------------------------------------ */

#define PHANTUN_SYN "> S 0:0(0) win 65535 <nop,wscale 14>"

static void a_refused_client_tries_phantuns_way_once_and_remembers(void **state)
{
    (void)state;
    create(client_config());
    const uint32_t flow = ftun_endpoint_flow(endpoint, now, application_at(1), &actions);
    happened();
    send_datagrams(flow, 10, 10);
    give(the_server(), FTUN_RST | FTUN_ACK, 0, own_isn + 1, "");
    assert_string_equal(happened(), PHANTUN_SYN);
    assert_int_equal(own_isn, 0);
    give_without_options(the_server(), FTUN_SYN | FTUN_ACK, 0, 1);
    assert_string_equal(happened(), "> . 1:1(0) ack 1 win 65535 | "
                                    "established flow 0 profile phantun mss 1460 | "
                                    "> . 1:11(10) ack 1 win 65535");
    ftun_endpoint_flow(endpoint, now, application_at(2), &actions);
    assert_string_equal(happened(), "open | " PHANTUN_SYN);
}

/* The host answered RST while an ftun server was starting; then the server answered. */
static void a_server_of_ftuns_is_not_taken_for_phantun_for_ever(void **state)
{
    (void)state;
    create(client_config());
    ftun_endpoint_flow(endpoint, now, application_at(1), &actions);
    happened();
    give(the_server(), FTUN_RST | FTUN_ACK, 0, own_isn + 1, "");
    assert_string_equal(happened(), PHANTUN_SYN);
    give(the_server(), FTUN_SYN | FTUN_ACK, 5000, 1, ""); /* with an MSS */
    happened();
    ftun_endpoint_flow(endpoint, now, application_at(2), &actions);
    assert_string_equal(happened(), "open | " SYN);
}

/* F17: ISPs take a client that redials for each datagram for a SYN flood. */
static void F17_a_server_that_refuses_is_asked_ever_more_rarely(void **state)
{
    (void)state;
    struct ftun_endpoint_config c = client_config();
    c.peer = FTUN_PEER_FTUN;
    create(c);
    const uint64_t pauses[] = {100, 200, 400, 800, 1000, 1000};
    for (size_t i = 0; i < LENGTH(pauses); i++) {
        assert_int_not_equal(ftun_endpoint_flow(endpoint, now, application_at(1), &actions),
                             FTUN_NO_FLOW);
        happened();
        give(the_server(), FTUN_RST | FTUN_ACK, 0, own_isn + 1, "");
        now += pauses[i] * FTUN_MILLISECOND - 1;
        assert_int_equal(ftun_endpoint_flow(endpoint, now, application_at(1), &actions),
                         FTUN_NO_FLOW);
        assert_int_equal(refused(FTUN_REFUSED_SERVER_REFUSES), i + 1);
        now += 1;
    }
    ftun_endpoint_flow(endpoint, now, application_at(1), &actions);
    happened();
    give(the_server(), FTUN_SYN | FTUN_ACK, 5000, own_isn + 1, "");
    give(the_server(), FTUN_RST, 5001, 0, ""); /* a reset is not a refusal */
    assert_int_not_equal(ftun_endpoint_flow(endpoint, now, application_at(1), &actions),
                         FTUN_NO_FLOW);
}

static void a_client_refused_both_ways_gives_up(void **state)
{
    (void)state;
    create(client_config());
    ftun_endpoint_flow(endpoint, now, application_at(1), &actions);
    happened();
    give(the_server(), FTUN_RST | FTUN_ACK, 0, own_isn + 1, "");
    assert_string_equal(happened(), PHANTUN_SYN);
    give(the_server(), FTUN_RST | FTUN_ACK, 0, 1, "");
    assert_string_equal(happened(), "close flow 0: refused by the peer: nothing listens there");
}

static void a_client_told_that_the_peer_is_ftun_tries_once(void **state)
{
    (void)state;
    struct ftun_endpoint_config c = client_config();
    c.peer = FTUN_PEER_FTUN;
    create(c);
    ftun_endpoint_flow(endpoint, now, application_at(1), &actions);
    happened();
    give(the_server(), FTUN_RST | FTUN_ACK, 0, own_isn + 1, "");
    assert_string_equal(happened(), "close flow 0: refused by the peer: nothing listens there");
}

static void a_client_told_that_the_peer_is_phantun_begins_that_way(void **state)
{
    (void)state;
    struct ftun_endpoint_config c = client_config();
    c.peer = FTUN_PEER_PHANTUN;
    create(c);
    ftun_endpoint_flow(endpoint, now, application_at(1), &actions);
    assert_string_equal(happened(), "open | " PHANTUN_SYN);
}

static void a_server_takes_phantuns_clients_and_closes_them_their_way(void **state)
{
    (void)state;
    create(server_config());
    give_without_options(a_client(1), FTUN_SYN, 0, 0);
    assert_string_equal(happened(), "> S. 0:0(0) ack 1 win 64240 <mss 1460,nop,wscale 10>");
    give(a_client(1), FTUN_ACK, 1, own_isn + 1, "");
    assert_string_equal(happened(), "open | established flow 0 profile phantun mss 1460");
    assert_false(ftun_endpoint_close_all(endpoint, now, &actions));
    assert_string_equal(happened(), "> R 1:1(0) win 0 | close flow 0: closed by this end");
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 0);
}

/* --- server ------------------------------------------------------------------------------- */

#define SYN_ACK "> S. 0:0(0) ack 101 win 64240 <mss 1460,nop,wscale 10>"

static void a_syn_is_answered_and_nothing_kept(void **state)
{
    (void)state;
    create(server_config());
    give(a_client(1), FTUN_SYN, 100, 0, "");
    assert_string_equal(happened(), SYN_ACK);
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 0);
}

static void the_third_packet_opens_the_flow(void **state)
{
    (void)state;
    create(server_config());
    established_server(1);
    assert_string_equal(happened(), "open | established flow 0 profile linux mss 1460");
    give(a_client(1), FTUN_ACK | FTUN_PSH, 101, own_isn + 1, "ping");
    assert_string_equal(happened(), "deliver flow 0 bytes 4 stride 4");
    assert_int_equal(send_datagrams(0, 4, 4), 4);
    assert_string_equal(happened(), "> P. 1:5(4) ack 105 win 65535");
}

static void data_completes_the_handshake_when_the_third_packet_is_lost(void **state)
{
    (void)state;
    create(server_config());
    give(a_client(1), FTUN_SYN, 100, 0, "");
    happened();
    give(a_client(1), FTUN_ACK | FTUN_PSH, 1101, own_isn + 1, "ping");
    assert_string_equal(happened(), "open | established flow 0 profile linux mss 1460 | "
                                    "deliver flow 0 bytes 4 stride 4");
    assert_int_equal(refused(FTUN_REFUSED_SEQUENCE_OUTSIDE_WINDOW), 0);
}

/* F07: a SYN flood costs no memory. */
static void F07_spoofed_syns_leave_no_flow_behind(void **state)
{
    (void)state;
    create(server_config());
    for (uint16_t port = 1; port < 10000; port++)
        give(a_client(port), FTUN_SYN, 100, 0, "");
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 0);
    established_server(20000);
    assert_string_equal(happened(), "open | established flow 0 profile linux mss 1460");
}

static void F07_a_guessed_cookie_opens_nothing(void **state)
{
    (void)state;
    create(server_config());
    give(a_client(1), FTUN_SYN, 100, 0, "");
    happened();
    give(a_client(1), FTUN_ACK, 101, own_isn + 2, "");
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 0);
    give(a_client(2), FTUN_ACK, 101, own_isn + 1, ""); /* another client's */
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 0);
}

static void a_cookie_is_good_for_one_epoch_and_some(void **state)
{
    (void)state;
    create(server_config());
    give(a_client(1), FTUN_SYN, 100, 0, "");
    happened();
    now += 2 * UINT64_C(64) * FTUN_SECOND;
    give(a_client(1), FTUN_ACK, 101, own_isn + 1, "");
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 0);
    give(a_client(1), FTUN_SYN, 100, 0, "");
    happened();
    now += UINT64_C(64) * FTUN_SECOND;
    give(a_client(1), FTUN_ACK, 101, own_isn + 1, "");
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 1);
}

static void F04_a_repeated_syn_of_a_live_tuple_is_ordinary(void **state)
{
    (void)state;
    create(server_config());
    give(a_client(1), FTUN_SYN, 100, 0, "");
    assert_string_equal(happened(), SYN_ACK);
    give(a_client(1), FTUN_SYN, 100, 0, "");
    assert_string_equal(happened(), SYN_ACK);
    give(a_client(1), FTUN_ACK, 101, own_isn + 1, "");
    happened();
    give(a_client(1), FTUN_SYN, 100, 0, "");
    assert_string_equal(happened(), "> . 1:1(0) ack 101 win 65535");
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 1);
}

static void a_full_server_refuses_the_newest(void **state)
{
    (void)state;
    create(server_config());
    give(a_client(5), FTUN_SYN, 100, 0, "");
    happened();
    const uint32_t isn_for_5 = own_isn;
    for (uint16_t port = 1; port <= 4; port++)
        established_server(port);
    happened();
    give(a_client(5), FTUN_ACK, 101, isn_for_5 + 1, ""); /* the last place went while it knocked */
    own_isn = isn_for_5;
    assert_string_equal(happened(), "> R 1:1(0) win 0");
    give(a_client(6), FTUN_SYN, 100, 0, ""); /* a kernel's full backlog: it may try again */
    assert_string_equal(happened(), "");
    assert_int_equal(refused(FTUN_REFUSED_FLOW_LIMIT), 2);
}

/* Every segment of a client that was never answered carries what completes a handshake. */
static void a_late_duplicate_after_the_close_opens_no_new_flow(void **state)
{
    (void)state;
    create(server_config());
    established_server(1);
    give(a_client(1), FTUN_ACK | FTUN_PSH, 101, own_isn + 1, "data");
    give(a_client(1), FTUN_FIN | FTUN_ACK, 105, own_isn + 1, "");
    give(a_client(1), FTUN_ACK, 106, own_isn + 2, "");
    happened();
    give(a_client(1), FTUN_ACK | FTUN_PSH, 101, own_isn + 1, "data");
    assert_string_equal(happened(), "");
    assert_int_equal(refused(FTUN_REFUSED_DATA_AFTER_CLOSE), 1);
    assert_int_equal(ftun_endpoint_counters(endpoint)->flows_opened, 1);
}

static void a_super_packet_is_delivered_with_its_stride(void **state)
{
    (void)state;
    create(server_config());
    established_server(1);
    happened();
    const struct peer peer = a_client(1);
    give_from(&peer, FTUN_ACK | FTUN_PSH, 101, own_isn + 1, "aaaabbbbcc", 4);
    assert_string_equal(happened(), "deliver flow 0 bytes 10 stride 4");
    assert_int_equal(ftun_endpoint_counters(endpoint)->datagrams_delivered, 3);
    assert_false(ftun_endpoint_end_turn(endpoint, &actions));
    assert_string_equal(happened(), "> . 1:1(0) ack 111 win 65535");
}

/* --- strangers ---------------------------------------------------------------------------- */

static void F10_unknown_segments_are_answered_by_rst_and_rst_by_nothing(void **state)
{
    (void)state;
    create(server_config());
    give(a_client(1), FTUN_ACK, 100, 777, "data");
    assert_string_equal(happened(), "> R 777:777(0) win 0");
    give(a_client(1), FTUN_FIN, 100, 0, "data");
    assert_string_equal(happened(), "> R. 0:0(0) ack 105 win 0");
    give(a_client(1), FTUN_RST, 100, 0, "");
    assert_string_equal(happened(), "");
    give(a_client(1), FTUN_RST | FTUN_ACK, 100, 9, "");
    assert_string_equal(happened(), "");
    give(a_client(1), FTUN_SYN | FTUN_ACK, 100, 9, "");
    assert_string_equal(happened(), "> R 9:9(0) win 0");
    assert_int_equal(refused(FTUN_REFUSED_NOT_OURS_FLOW), 5);
}

static void F10_answers_to_strangers_are_limited(void **state)
{
    (void)state;
    create(server_config());
    for (unsigned i = 0; i < 5000; i++)
        give(a_client(1), FTUN_ACK, 100, 777, "");
    assert_int_equal(ftun_endpoint_counters(endpoint)->segments_sent, FTUN_ANSWERS_PER_SECOND);
    assert_int_equal(ftun_endpoint_counters(endpoint)->answers_suppressed,
                     5000 - FTUN_ANSWERS_PER_SECOND);
    now += FTUN_SECOND;
    actions.count = 0;
    give(a_client(1), FTUN_ACK, 100, 777, "");
    assert_string_equal(happened(), "> R 777:777(0) win 0");
}

static void what_is_addressed_elsewhere_is_not_ours(void **state)
{
    (void)state;
    create(server_config());
    const struct peer other_port = {at(ipv4(10, 0, 0, 1), 1), at(config.local4, 4568)};
    give(other_port, FTUN_SYN, 100, 0, "");
    const struct peer other_address = {at(ipv4(10, 0, 0, 1), 1),
                                       at(ipv4(192, 168, 201, 1), config.port)};
    give(other_address, FTUN_SYN, 100, 0, "");
    assert_string_equal(happened(), "");
    assert_int_equal(refused(FTUN_REFUSED_NOT_OURS_ADDRESS), 2);
}

static void a_client_accepts_no_connections(void **state)
{
    (void)state;
    create(client_config());
    own_port = 4567;
    give(the_server(), FTUN_SYN, 100, 0, "");
    assert_string_equal(happened(), "> R. 0:0(0) ack 101 win 0");
}

/* --- routers ------------------------------------------------------------------------------ */

static void give_too_big(uint32_t sequence, uint16_t mtu)
{
    uint8_t packet[100];
    const struct ftun_segment quoted = {
        .tuple = {.local = at(config.local4, own_port), .remote = config.remote},
        .tcp = {.sequence = sequence, .flags = FTUN_ACK},
        .ttl = 60,
        .payload_len = 1000,
    };
    const struct ftun_ip_header ip = {.source = ipv4(10, 9, 9, 9),
                                      .destination = config.local4,
                                      .protocol = FTUN_PROTOCOL_ICMP,
                                      .ttl = 64,
                                      .payload_len = 8 + 40};
    uint8_t *icmp = packet + ftun_ip_emit(&ip, packet);
    memset(icmp, 0, 8);
    icmp[0] = 3;
    icmp[1] = 4;
    ftun_store_be16(icmp + 6, mtu);
    ftun_segment_emit(&quoted, FTUN_CHECKSUM_PARTIAL, 0, icmp + 8);
    ftun_store_be16(icmp + 2, (uint16_t)~ftun_sum(icmp, 48));
    const struct ftun_tunnel_packet tunnel_packet = {.data = packet, .len = 20 + 48};
    ftun_endpoint_packet(endpoint, now, &tunnel_packet, &actions);
}

static void F21_too_big_lowers_the_flows_limit(void **state)
{
    (void)state;
    const uint32_t flow = established_client();
    send_datagrams(flow, 1460, 1460);
    happened();
    give_too_big(own_isn + 1, 1400);
    assert_string_equal(happened(), "mss flow 0 bytes 1360");
    send_datagrams(flow, 1361, 1361);
    assert_int_equal(refused(FTUN_REFUSED_DATAGRAM_TOO_LARGE), 1);
    give_too_big(own_isn + 1, 1450); /* never up again */
    assert_string_equal(happened(), "");
    give_too_big(own_isn + 1, 100); /* never below the least */
    assert_string_equal(happened(), "mss flow 0 bytes 512");
}

static void F21_too_big_is_believed_after_a_later_segment_was_acknowledged(void **state)
{
    (void)state;
    const uint32_t flow = established_client();
    send_datagrams(flow, 1460, 1460);
    send_datagrams(flow, 10, 10);
    happened();
    give(the_server(), FTUN_ACK, 5001, own_isn + 1 + 1470, ""); /* it came, the large one did not */
    give_too_big(own_isn + 1, 1400);
    assert_string_equal(happened(), "mss flow 0 bytes 1360");
}

static void F21_too_big_about_what_was_not_sent_is_not_believed(void **state)
{
    (void)state;
    const uint32_t flow = established_client();
    send_datagrams(flow, 1460, 1460);
    happened();
    give_too_big(own_isn + 5000, 600);
    give_too_big(own_isn - FTUN_LATE_WINDOW - 1, 600);
    own_port++;
    give_too_big(own_isn + 1, 600);
    assert_string_equal(happened(), "");
    assert_int_equal(refused(FTUN_REFUSED_NOT_OURS_ICMP), 3);
}

/* --- closing ------------------------------------------------------------------------------ */

static void F17_close_all_sends_a_fin_for_each_flow(void **state)
{
    (void)state;
    create(server_config());
    established_server(1);
    established_server(2);
    happened();
    own_isn = 0;
    assert_false(ftun_endpoint_close_all(endpoint, now, &actions));
    assert_int_equal(actions.count, 4);
    for (size_t i = 0; i < 4; i += 2) {
        assert_int_equal(actions.at[i].kind, FTUN_ACTION_SEND);
        assert_int_equal(actions.at[i].send.segment.tcp.flags, FTUN_FIN | FTUN_ACK);
        assert_int_equal(actions.at[i + 1].kind, FTUN_ACTION_CLOSE);
    }
    assert_int_equal(ftun_endpoint_closing_count(endpoint), 2);
    assert_false(ftun_endpoint_close_all(endpoint, now, &actions));
    assert_int_equal(actions.count, 0);
}

/* F05: more than 16 quick closes kill a reader of Phantun's. */
static void F05_ten_thousand_closes_at_once_disturb_no_other_flow(void **state)
{
    (void)state;
    struct ftun_endpoint_config c = server_config();
    c.max_flows = 10001;
    create(c);
    for (uint16_t port = 1; port <= 10000; port++)
        established_server(port);
    established_server(20000);
    const uint32_t isn = own_isn;
    for (uint32_t flow = 0; flow < 10000; flow++)
        ftun_endpoint_close(endpoint, now, flow, &actions);
    own_isn = isn;
    actions.count = 0;
    give(a_client(20000), FTUN_ACK | FTUN_PSH, 101, isn + 1, "ping");
    assert_string_equal(happened(), "deliver flow 10000 bytes 4 stride 4");
    while (ftun_endpoint_flow_count(endpoint) > 1) {
        now = ftun_endpoint_deadline(endpoint);
        ftun_endpoint_timeout(endpoint, now, &actions);
    }
    assert_true(now < start + 5 * FTUN_SECOND);
}

static void an_idle_flow_is_closed_and_its_number_comes_again(void **state)
{
    (void)state;
    create(server_config());
    established_server(1);
    happened();
    now = ftun_endpoint_deadline(endpoint);
    assert_int_equal(now, start + FTUN_IDLE_TIMEOUT_DEFAULT);
    ftun_endpoint_timeout(endpoint, now, &actions);
    assert_string_equal(happened(), "> F. 1:1(0) ack 101 win 65535 | "
                                    "close flow 0: nothing received for the idle timeout");
    give(a_client(1), FTUN_FIN | FTUN_ACK, 101, own_isn + 2, "");
    assert_string_equal(happened(), "> . 2:2(0) ack 102 win 65535");
    while (ftun_endpoint_flow_count(endpoint) > 0) {
        now = ftun_endpoint_deadline(endpoint);
        ftun_endpoint_timeout(endpoint, now, &actions);
        assert_string_equal(happened(), "");
    }
    assert_int_equal(now, start + FTUN_IDLE_TIMEOUT_DEFAULT + FTUN_TIME_WAIT_DURATION);
    established_server(2);
    assert_string_equal(happened(), "open | established flow 0 profile linux mss 1460");
}

static void datagrams_for_a_flow_being_closed_are_refused(void **state)
{
    (void)state;
    const uint32_t flow = established_client();
    ftun_endpoint_close(endpoint, now, flow, &actions);
    assert_int_equal(send_datagrams(flow, 30, 10), 30);
    assert_int_equal(refused(FTUN_REFUSED_FLOW_CLOSING), 3);
}

static void a_flow_of_received_data_outlives_its_idle_timeout(void **state)
{
    (void)state;
    create(server_config());
    established_server(1);
    happened();
    for (uint32_t i = 0; i < 10; i++) {
        now += 60 * FTUN_SECOND;
        while (ftun_endpoint_deadline(endpoint) <= now) {
            ftun_endpoint_timeout(endpoint, now, &actions);
            assert_int_equal(ftun_endpoint_flow_count(endpoint), 1);
        }
        give(a_client(1), FTUN_ACK | FTUN_PSH, 101 + 4 * i, own_isn + 1, "data");
    }
    assert_int_equal(ftun_endpoint_counters(endpoint)->flows_closed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_datagram_opens_a_flow_and_waits_for_it),
        cmocka_unit_test(a_flow_is_found_again_by_its_application),
        cmocka_unit_test(a_syn_goes_out_as_the_plan_says),
        cmocka_unit_test(a_burst_leaves_as_one_super_segment),
        cmocka_unit_test(without_offload_each_datagram_is_a_segment),
        cmocka_unit_test(more_datagrams_than_actions_are_taken_in_several_calls),
        cmocka_unit_test(a_burst_beyond_one_packet_leaves_in_two),
        cmocka_unit_test(F22_a_datagram_larger_than_a_segment_is_refused_and_counted),
        cmocka_unit_test(F22_an_oversize_datagram_is_told_apart_during_the_handshake_too),
        cmocka_unit_test(F25_an_empty_datagram_is_refused_and_counted),
        cmocka_unit_test(F15_handshakes_are_independent_and_their_queues_bounded),
        cmocka_unit_test(a_flow_that_gets_no_answer_is_closed_and_its_queue_counted),
        cmocka_unit_test(after_a_reset_the_next_datagram_opens_a_new_connection),
        cmocka_unit_test(the_flow_limit_refuses_the_newest),
        cmocka_unit_test(a_server_of_a_family_without_address_is_refused),
        cmocka_unit_test(the_handshake_packet_goes_first),
        cmocka_unit_test(datagrams_wait_for_no_window_but_are_refused),
        cmocka_unit_test(a_refused_client_tries_phantuns_way_once_and_remembers),
        cmocka_unit_test(a_server_of_ftuns_is_not_taken_for_phantun_for_ever),
        cmocka_unit_test(F17_a_server_that_refuses_is_asked_ever_more_rarely),
        cmocka_unit_test(a_client_refused_both_ways_gives_up),
        cmocka_unit_test(a_client_told_that_the_peer_is_ftun_tries_once),
        cmocka_unit_test(a_client_told_that_the_peer_is_phantun_begins_that_way),
        cmocka_unit_test(a_server_takes_phantuns_clients_and_closes_them_their_way),
        cmocka_unit_test(a_syn_is_answered_and_nothing_kept),
        cmocka_unit_test(the_third_packet_opens_the_flow),
        cmocka_unit_test(data_completes_the_handshake_when_the_third_packet_is_lost),
        cmocka_unit_test(F07_spoofed_syns_leave_no_flow_behind),
        cmocka_unit_test(F07_a_guessed_cookie_opens_nothing),
        cmocka_unit_test(a_cookie_is_good_for_one_epoch_and_some),
        cmocka_unit_test(F04_a_repeated_syn_of_a_live_tuple_is_ordinary),
        cmocka_unit_test(a_full_server_refuses_the_newest),
        cmocka_unit_test(a_late_duplicate_after_the_close_opens_no_new_flow),
        cmocka_unit_test(a_super_packet_is_delivered_with_its_stride),
        cmocka_unit_test(F10_unknown_segments_are_answered_by_rst_and_rst_by_nothing),
        cmocka_unit_test(F10_answers_to_strangers_are_limited),
        cmocka_unit_test(what_is_addressed_elsewhere_is_not_ours),
        cmocka_unit_test(a_client_accepts_no_connections),
        cmocka_unit_test(F21_too_big_lowers_the_flows_limit),
        cmocka_unit_test(F21_too_big_is_believed_after_a_later_segment_was_acknowledged),
        cmocka_unit_test(F21_too_big_about_what_was_not_sent_is_not_believed),
        cmocka_unit_test(F17_close_all_sends_a_fin_for_each_flow),
        cmocka_unit_test(F05_ten_thousand_closes_at_once_disturb_no_other_flow),
        cmocka_unit_test(an_idle_flow_is_closed_and_its_number_comes_again),
        cmocka_unit_test(datagrams_for_a_flow_being_closed_are_refused),
        cmocka_unit_test(a_flow_of_received_data_outlives_its_idle_timeout),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
