/* An endpoint alone with a network that sends it whatever it likes: a stream, its first byte the
 * configuration. Raw packets come as they are; segments are told by how far they are from what the
 * endpoint expects of that peer, so that few bytes lead deep into a connection. */
#include "checked_endpoint.h"
#include "checksum.h"
#include "fuzz_stream.h"
#include "wire.h"

enum record_kind {
    SEGMENT = FUZZ_RECORD_OWN,
    DATAGRAMS,
    TOO_BIG,
    DEADLINE,
    END_TURN,
    CLOSE,
    CLOSE_ALL,
    PATH,
    RECORD_KINDS
};

enum { PEERS = 8, SERVER_PORT = 4567, PEER_PORT = 1000 };

/* The other end of a connection: a client's flow of that number, or the server's client at port
 * PEER_PORT + number. */
struct peer {
    struct ftun_tuple tuple; /* as the endpoint sees it */
    uint32_t next, wanted;   /* sequence numbers: the endpoint's next, and what it wants next */
};

struct run {
    struct checked_endpoint end;
    struct peer peers[PEERS];
    uint64_t now_ns;
    uint16_t fragment_id;
};

static const uint8_t handshake_packet[] = "GET / HTTP/1.1\r\n\r\n";

/* --- set-up ------------------------------------------------------------------------------- */

static struct ftun_socket_address address(bool ipv6, uint8_t last, uint16_t port)
{
    const struct ftun_address ip4 = {.bytes = {10, 0, 0, last}, .family = FTUN_IPV4};
    const struct ftun_address ip6 = {.bytes = {0x20, 0x01, 0x0d, 0xb8, [15] = last},
                                     .family = FTUN_IPV6};
    return (struct ftun_socket_address){.ip = ipv6 ? ip6 : ip4, .port = port};
}

static struct ftun_endpoint_config read_config(uint8_t choice)
{
    const enum ftun_role role = (choice & 1) != 0 ? FTUN_CLIENT : FTUN_SERVER;
    struct ftun_endpoint_config config = checked_config(role, 1);
    config.segmentation_offload = (choice & 2) == 0;
    config.peer = (enum ftun_peer)((choice >> 2) % 3);
    config.path.local = address((choice & 16) != 0, 1, 0).ip;
    config.path.remote = address((choice & 16) != 0, 2, SERVER_PORT);
    config.local4 = address(false, 1, 0).ip;
    config.local6 = address(true, 1, 0).ip;
    config.any_local = (choice & 16) != 0; /* a client, then, is of IPv6 */
    config.port = SERVER_PORT;
    config.handshake_packet = handshake_packet;
    config.handshake_packet_len = (choice & 32) != 0 ? sizeof handshake_packet - 1 : 0;
    config.resumption = (choice & 128) != 0 && config.handshake_packet_len == 0;
    if ((choice & 64) != 0)
        config.timeouts.idle_ns = FTUN_NEVER;
    return config;
}

/* A server's peers are where they are; a client's are met with its first SYN. */
static void place_peers(struct run *run)
{
    for (unsigned i = 0; i < PEERS; i++) {
        const bool ipv6 = i % 4 == 3;
        run->peers[i].wanted = 5000 * (i + 1);
        if (run->end.config.role == FTUN_CLIENT)
            run->peers[i].tuple.local = run->peers[i].tuple.remote = run->end.config.path.remote;
        else
            run->peers[i].tuple = (struct ftun_tuple){
                .local = address(ipv6, 1, SERVER_PORT),
                .remote = address(ipv6, 2, (uint16_t)(PEER_PORT + i)),
            };
    }
}

/* --- what the endpoint has sent ----------------------------------------------------------- */

static struct peer *peer_of(struct run *run, const struct ftun_action *send)
{
    const struct ftun_tuple *tuple = &send->send.segment.tuple;
    if (run->end.config.role == FTUN_CLIENT)
        return send->flow == FTUN_NO_FLOW ? NULL : &run->peers[send->flow];
    const unsigned number = (unsigned)tuple->remote.port - PEER_PORT;
    return number < PEERS ? &run->peers[number] : NULL;
}

static void observe(struct run *run)
{
    for (size_t i = 0; i < run->end.actions->count; i++) {
        const struct ftun_action *action = &run->end.actions->at[i];
        struct peer *peer = action->kind == FTUN_ACTION_SEND ? peer_of(run, action) : NULL;
        if (peer == NULL)
            continue;
        const struct ftun_segment *segment = &action->send.segment;
        const uint32_t control = (segment->tcp.flags & (FTUN_SYN | FTUN_FIN)) != 0 ? 1 : 0;
        if (run->end.config.role == FTUN_CLIENT)
            peer->tuple = segment->tuple;
        peer->next = segment->tcp.sequence + (uint32_t)segment->payload_len + control;
        if ((segment->tcp.flags & FTUN_ACK) != 0)
            peer->wanted = segment->tcp.acknowledgment;
    }
}

/* --- records ------------------------------------------------------------------------------ */

static void give(struct run *run, const uint8_t *data, size_t len, bool vouched,
                 size_t segment_size)
{
    const struct ftun_tunnel_packet packet = {
        .data = data, .len = len, .segment_size = segment_size, .checksum_vouched = vouched};
    checked_packet(&run->end, run->now_ns, &packet);
    observe(run);
}

/* Argument: the lowest bit, whether the kernel vouches for the checksum; the rest, in units of 16
 * bytes, what it says of the size of the segments it has glued. */
static void raw_packet(struct run *run, const struct fuzz_record *record)
{
    give(run, record->data, record->len, (record->argument & 1) != 0,
         (size_t)(record->argument >> 1) * 16);
}

static uint32_t distance(struct fuzz_input *input, unsigned shift)
{
    return (uint32_t)(int32_t)(int16_t)fuzz_u16(input) << (shift & 15);
}

static struct ftun_segment read_segment(const struct peer *peer, struct fuzz_input *input)
{
    struct ftun_segment segment = {
        .tuple = {.local = peer->tuple.remote, .remote = peer->tuple.local},
        .tcp = {.flags = fuzz_u8(input)},
        .ttl = 64,
    };
    const uint8_t shifts = fuzz_u8(input);
    segment.tcp.sequence = peer->wanted + distance(input, shifts);
    segment.tcp.acknowledgment = peer->next + distance(input, shifts >> 4);
    segment.tcp.window = fuzz_u16(input);
    size_t options_len;
    const uint8_t *options = fuzz_bytes(input, (size_t)(fuzz_u8(input) % 11) * 4, &options_len);
    segment.tcp.options_len = (uint8_t)(options_len / 4 * 4);
    memcpy(segment.tcp.options, options, segment.tcp.options_len);
    return segment;
}

/* In two fragments, cut after the first unit of 8 bytes that leaves it the whole TCP header. */
static void give_fragmented(struct run *run, const uint8_t *packet, size_t len, size_t headers)
{
    const size_t ip_len = packet[0] >> 4 == FTUN_IPV6 ? FTUN_IPV6_HEADER : FTUN_IPV4_HEADER_MIN;
    const size_t cut = (headers - ip_len + 7) / 8 * 8;
    if (cut >= len - ip_len) {
        give(run, packet, len, false, 0);
        return;
    }
    const uint16_t id = run->fragment_id++;
    const struct wire_packet last = wire_fragment(packet, id, cut, len - ip_len, false);
    const struct wire_packet first = wire_fragment(packet, id, 0, cut, true);
    give(run, last.bytes, last.len, false, 0);
    give(run, first.bytes, first.len, false, 0);
    free(last.bytes);
    free(first.bytes);
}

/* Argument: bits 0-2 the peer, 3 fragmented, 4-7 the size of glued segments in units of 16. */
static void segment(struct run *run, const struct fuzz_record *record)
{
    struct fuzz_input input = {.data = record->data, .len = record->len};
    struct ftun_segment segment = read_segment(&run->peers[record->argument % PEERS], &input);
    const uint8_t *payload = fuzz_bytes(&input, SIZE_MAX, &segment.payload_len);
    const size_t len = FTUN_HEADERS_MAX + segment.payload_len;
    if (len > FTUN_IP_PACKET_MAX)
        return;
    uint8_t *packet = fuzz_allocate(len);
    const uint16_t sum = ftun_sum(payload, segment.payload_len);
    const size_t headers = ftun_segment_emit(&segment, FTUN_CHECKSUM_FULL, sum, packet);
    memcpy(packet + headers, payload, segment.payload_len);
    if ((record->argument & 8) != 0)
        give_fragmented(run, packet, headers + segment.payload_len, headers);
    else
        give(run, packet, headers + segment.payload_len, false,
             (size_t)(record->argument >> 4) * 16);
    free(packet);
}

/* Argument: the peer. A router complains about a segment near those that the endpoint has sent. */
static void too_big(struct run *run, const struct fuzz_record *record)
{
    struct fuzz_input input = {.data = record->data, .len = record->len};
    const struct peer *peer = &run->peers[record->argument % PEERS];
    const uint16_t mtu = fuzz_u16(&input);
    const struct ftun_segment about = {
        .tuple = peer->tuple,
        .tcp = {.sequence = peer->next + distance(&input, fuzz_u8(&input)), .flags = FTUN_ACK},
        .ttl = 64,
    };
    uint8_t quoted[FTUN_HEADERS_MAX];
    const size_t len = ftun_segment_emit(&about, FTUN_CHECKSUM_FULL, 0, quoted);
    const struct wire_packet error = wire_too_big(quoted, len, mtu);
    give(run, error.bytes, error.len, false, 0);
    free(error.bytes);
}

/* The flow of a client's application, or one of the server's. */
static uint32_t choose_flow(struct run *run, uint8_t number)
{
    if (run->end.config.role == FTUN_SERVER)
        return number % CHECKED_FLOWS;
    const struct ftun_socket_address application = address(false, 3, 1 + number % PEERS);
    const uint32_t flow = checked_flow(&run->end, run->now_ns, &application);
    observe(run);
    return flow;
}

static void give_burst(struct run *run, uint32_t flow, const struct ftun_burst *burst)
{
    size_t done = 0;
    do {
        done += checked_datagrams(&run->end, run->now_ns, flow, burst, done);
        observe(run);
    } while (done < burst->len);
}

/* Argument: which flow. The bytes: stride, length of all, how many datagrams the first of two
 * slices has. */
static void datagrams(struct run *run, const struct fuzz_record *record)
{
    struct fuzz_input input = {.data = record->data, .len = record->len};
    const size_t stride = fuzz_u16(&input) % 3000;
    const size_t len = stride == 0 ? 0 : 1 + (size_t)fuzz_u16(&input) % FTUN_BURST_MAX;
    const size_t first = fuzz_u8(&input) * stride;
    const bool two = first > 0 && first < len;
    const uint32_t flow = choose_flow(run, record->argument);
    if (flow == FTUN_NO_FLOW)
        return;
    uint8_t *bytes = fuzz_allocate(len + 1);
    memset(bytes, record->argument, len);
    const struct ftun_slice slices[] = {{bytes, two ? first : len},
                                        {bytes + (two ? first : 0), len - first}};
    const struct ftun_burst burst = {
        .slices = slices, .slice_count = two ? 2 : 1, .len = len, .stride = stride};
    give_burst(run, flow, &burst);
    free(bytes);
}

static void timeout(struct run *run)
{
    while (ftun_endpoint_deadline(run->end.endpoint) <= run->now_ns) {
        checked_timeout(&run->end, run->now_ns);
        observe(run);
    }
}

static void wait_for_deadline(struct run *run)
{
    const uint64_t deadline = ftun_endpoint_deadline(run->end.endpoint);
    if (deadline != FTUN_NEVER && deadline > run->now_ns)
        run->now_ns = deadline;
    timeout(run);
}

static void end_turn(struct run *run)
{
    while (checked_end_turn(&run->end, run->now_ns))
        observe(run);
    observe(run);
}

static void close_all(struct run *run)
{
    while (checked_close_all(&run->end, run->now_ns))
        observe(run);
    observe(run);
}

/* Argument: how many paths to the server there are now. The bytes: the MTU, then each path: the
 * lowest bit its family, the rest the last byte of the server's address, the highest bit also which
 * of two addresses is its own. */
static void path_changes(struct run *run, const struct fuzz_record *record)
{
    struct fuzz_input input = {.data = record->data, .len = record->len};
    struct ftun_path paths[FTUN_REMOTES_MAX + 2];
    const size_t count = record->argument % (FTUN_REMOTES_MAX + 3);
    const uint16_t mtu = fuzz_u16(&input);
    for (size_t i = 0; i < count; i++) {
        const uint8_t choice = fuzz_u8(&input);
        paths[i].remote = address((choice & 1) != 0, choice >> 1, SERVER_PORT);
        paths[i].local = address((choice & 1) != 0, 1 + (choice >> 7), 0).ip;
    }
    checked_path_changed(&run->end, run->now_ns, paths, count, mtu);
}

static void act(struct run *run, const struct fuzz_record *record)
{
    switch (record->kind % RECORD_KINDS) {
    case FUZZ_RECORD_TIME:
        run->now_ns += fuzz_duration(record->argument);
        timeout(run);
        break;
    case SEGMENT:
        segment(run, record);
        break;
    case DATAGRAMS:
        datagrams(run, record);
        break;
    case TOO_BIG:
        too_big(run, record);
        break;
    case DEADLINE:
        wait_for_deadline(run);
        break;
    case END_TURN:
        end_turn(run);
        break;
    case CLOSE:
        checked_close(&run->end, run->now_ns, record->argument % CHECKED_FLOWS);
        observe(run);
        break;
    case CLOSE_ALL:
        close_all(run);
        break;
    case PATH:
        path_changes(run, record);
        break;
    default:
        raw_packet(run, record);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct fuzz_input input = {.data = data, .len = len};
    const struct ftun_endpoint_config config = read_config(fuzz_u8(&input));
    static struct run run;
    run = (struct run){.now_ns = 100 * FTUN_SECOND};
    checked_create(&run.end, &config);
    place_peers(&run);
    struct fuzz_record record;
    while (fuzz_record_next(&input, &record))
        act(&run, &record);
    checked_destroy(&run.end);
    return 0;
}
