/* Two endpoints and a network that does with their packets what the input says: it delivers them in
 * any order, loses, repeats, damages, cuts, fragments and complains of them; either end may be
 * killed. Each datagram carries the number of the flow's life it was sent in and its own, and then
 * bytes that follow from both.
 *
 * What must hold: a datagram that is delivered was sent, by the other end of that very connection,
 * is unaltered, and comes no more often than the network has repeated packets. At the end, when all
 * is closed, nothing remains. */
#include "bytes.h"
#include "checked_endpoint.h"
#include "fuzz_stream.h"
#include "wire.h"

enum {
    SIDES = 2, /* numbered as enum ftun_role */
    IN_FLIGHT_MAX = 64,
    LIVES_MAX = 256,
    TUPLES_MAX = 32,
    SENT_MAX = 1024,
    APPLICATIONS = 6, /* more than flows */
    SERVER_PORT = 4567,
    TAG = 4 /* bytes: life, number */
};

enum operation {
    SPEAK,
    ARRIVE_ALL,
    PASS_TIME,
    CLOSE,
    KILL,
    REPEAT, /* this one and those behind it: of one packet in flight */
    LOSE,
    DAMAGE,
    CUT,
    FRAGMENT,
    COMPLAIN,
    ARRIVE,
    ARRIVE_VOUCHED,
    OPERATIONS
};

/* A packet on its way. */
struct flight {
    uint8_t *bytes;
    size_t len, segment_size; /* bytes; the second as in ftun_tunnel_packet */
    enum ftun_role to;
    bool damaged;
};

/* A flow from its OPEN on. */
struct life {
    enum ftun_role side;
    struct ftun_tuple tuples[TUPLES_MAX]; /* of its connections; the oldest make room */
    unsigned tuple_count;
};

struct sent {
    uint16_t life, len;
    unsigned deliveries;
};

struct run {
    struct checked_endpoint ends[SIDES];
    uint16_t life_of_flow[SIDES][CHECKED_FLOWS];
    struct life lives[LIVES_MAX];
    uint16_t life_count;
    struct sent sent[SENT_MAX];
    uint16_t sent_count;
    struct flight flights[IN_FLIGHT_MAX];
    size_t in_flight;
    unsigned repeats;
    bool damage_done; /* once: two bits flipped may cancel each other in a checksum */
    bool glued;       /* super-segments arrive whole, as behind GRO */
    uint16_t fragment_id;
    uint8_t deaths;
    uint64_t now_ns;
};

static enum ftun_role side_of(uint8_t who)
{
    return (who & 1) != 0 ? FTUN_CLIENT : FTUN_SERVER;
}

static enum ftun_role other(enum ftun_role side)
{
    return side == FTUN_CLIENT ? FTUN_SERVER : FTUN_CLIENT;
}

/* --- the network -------------------------------------------------------------------------- */

/* Takes `bytes`. A full network loses. */
static void fly(struct run *run, enum ftun_role to, struct wire_packet packet, size_t segment_size,
                bool damaged)
{
    if (run->in_flight == IN_FLIGHT_MAX) {
        free(packet.bytes);
        return;
    }
    run->flights[run->in_flight++] = (struct flight){.bytes = packet.bytes,
                                                     .len = packet.len,
                                                     .segment_size = segment_size,
                                                     .to = to,
                                                     .damaged = damaged};
}

/* The caller has what it points to then. */
static struct flight land(struct run *run, size_t index)
{
    const struct flight flight = run->flights[index];
    run->in_flight--;
    memmove(&run->flights[index], &run->flights[index + 1],
            (run->in_flight - index) * sizeof flight);
    return flight;
}

static void send(struct run *run, enum ftun_role side, const struct ftun_action *action,
                 const struct ftun_burst *burst)
{
    const size_t stride = action->send.stride;
    const size_t payload_len = action->send.segment.payload_len;
    struct wire_packet packet;
    packet.bytes = checked_wire_bytes(action, burst, &packet.len);
    if (payload_len <= stride || run->glued) {
        fly(run, other(side), packet, payload_len > stride ? stride : 0, false);
        return;
    }
    for (size_t i = 0; i < ftun_datagram_count(payload_len, stride); i++)
        fly(run, other(side), wire_cut(packet.bytes, packet.len, stride, i), 0, false);
    free(packet.bytes);
}

/* --- datagrams ---------------------------------------------------------------------------- */

static uint8_t content(uint16_t number, size_t at)
{
    return (uint8_t)(number * 31u + at * 7u + (at >> 8));
}

static void write_datagram(struct run *run, uint16_t life, uint8_t *out, size_t len)
{
    const uint16_t number = run->sent_count++;
    run->sent[number] = (struct sent){.life = life, .len = (uint16_t)len};
    ftun_store_be16(out, life);
    ftun_store_be16(out + 2, number);
    for (size_t i = TAG; i < len; i++)
        out[i] = content(number, i);
}

static bool mirrored(const struct ftun_tuple *a, const struct ftun_tuple *b)
{
    return ftun_socket_address_equal(&a->local, &b->remote) &&
           ftun_socket_address_equal(&a->remote, &b->local);
}

static void add_tuple(struct life *life, const struct ftun_tuple *tuple)
{
    life->tuples[life->tuple_count++ % TUPLES_MAX] = *tuple;
}

/* One's datagrams may come to the other: over a connection that both have, or had when they were
 * sent. */
static bool are_ends_of_one(const struct life *a, const struct life *b)
{
    for (unsigned i = 0; i < TUPLES_MAX && i < a->tuple_count; i++)
        for (unsigned j = 0; j < TUPLES_MAX && j < b->tuple_count; j++)
            if (mirrored(&a->tuples[i], &b->tuples[j]))
                return true;
    return false;
}

static void check_datagram(struct run *run, enum ftun_role side, uint32_t flow, const uint8_t *data,
                           size_t len)
{
    FUZZ_REQUIRE(len >= TAG);
    const uint16_t life = ftun_load_be16(data);
    const uint16_t number = ftun_load_be16(data + 2);
    FUZZ_REQUIRE(number < run->sent_count);
    struct sent *sent = &run->sent[number];
    FUZZ_REQUIRE(sent->life == life && sent->len == len);
    for (size_t i = TAG; i < len; i++)
        FUZZ_REQUIRE(data[i] == content(number, i));
    FUZZ_REQUIRE(run->lives[life].side == other(side));
    FUZZ_REQUIRE(are_ends_of_one(&run->lives[life], &run->lives[run->life_of_flow[side][flow]]));
    FUZZ_REQUIRE(++sent->deliveries <= 1 + run->repeats);
}

static void deliver(struct run *run, enum ftun_role side, const struct ftun_action *action)
{
    const size_t stride = action->deliver.stride;
    for (size_t off = 0; off < action->deliver.len; off += stride) {
        const size_t rest = action->deliver.len - off;
        check_datagram(run, side, action->flow, action->deliver.data + off,
                       rest < stride ? rest : stride);
    }
}

/* --- endpoints ---------------------------------------------------------------------------- */

static void carry_out(struct run *run, enum ftun_role side, const struct ftun_burst *burst)
{
    const struct ftun_actions *actions = run->ends[side].actions;
    for (size_t i = 0; i < actions->count; i++) {
        const struct ftun_action *action = &actions->at[i];
        if (action->kind == FTUN_ACTION_SEND) {
            send(run, side, action, burst);
        } else if (action->kind == FTUN_ACTION_DELIVER) {
            deliver(run, side, action);
        } else if (action->kind == FTUN_ACTION_OPEN) {
            FUZZ_REQUIRE(run->life_count < LIVES_MAX);
            run->life_of_flow[side][action->flow] = run->life_count;
            run->lives[run->life_count] = (struct life){.side = side};
            add_tuple(&run->lives[run->life_count++], &action->open.tuple);
        } else if (action->kind == FTUN_ACTION_ESTABLISHED) { /* in another dialect, elsewhere */
            add_tuple(&run->lives[run->life_of_flow[side][action->flow]],
                      &action->established.tuple);
        }
    }
}

static struct ftun_address address(bool ipv6, uint8_t last)
{
    const struct ftun_address ip4 = {.bytes = {10, 0, 0, last}, .family = FTUN_IPV4};
    const struct ftun_address ip6 = {.bytes = {0x20, 0x01, 0x0d, 0xb8, [15] = last},
                                     .family = FTUN_IPV6};
    return ipv6 ? ip6 : ip4;
}

static void create(struct run *run, enum ftun_role side, uint8_t choice)
{
    const bool ipv6 = (choice & 1) != 0;
    struct ftun_endpoint_config config = checked_config(side, run->deaths);
    config.segmentation_offload = (choice & 2) == 0;
    config.peer = (enum ftun_peer)((choice >> 2) % 3);
    config.resumption = (choice & 64) != 0;
    if (side == FTUN_SERVER && (choice & 32) != 0)
        config.mtu = FTUN_IPV6_MTU_MIN;
    config.path.local = address(ipv6, 1);
    config.path.remote.ip = address(ipv6, 2);
    config.path.remote.port = config.port = SERVER_PORT;
    *(ipv6 ? &config.local6 : &config.local4) = address(ipv6, 2);
    checked_create(&run->ends[side], &config);
}

/* --- operations --------------------------------------------------------------------------- */

static uint32_t choose_flow(struct run *run, enum ftun_role side, uint8_t number)
{
    if (side == FTUN_SERVER) {
        const uint32_t flow = number % CHECKED_FLOWS;
        return run->ends[side].flows[flow].open ? flow : FTUN_NO_FLOW;
    }
    const struct ftun_socket_address application = {address(false, 3),
                                                    (uint16_t)(1 + number % APPLICATIONS)};
    const uint32_t flow = checked_flow(&run->ends[side], run->now_ns, &application);
    carry_out(run, side, NULL);
    return flow;
}

/* A burst of up to 16 datagrams, the last one shorter. */
static void speak(struct run *run, struct fuzz_input *input)
{
    const uint8_t who = fuzz_u8(input);
    const enum ftun_role side = side_of(who);
    const size_t stride = TAG + fuzz_u16(input) % 1500u;
    const size_t count = 1 + fuzz_u8(input) % 16u;
    const size_t last = TAG + fuzz_u16(input) % (stride - TAG + 1);
    if (run->sent_count + count > SENT_MAX || run->life_count + 2 * CHECKED_FLOWS > LIVES_MAX)
        return;
    const uint32_t flow = choose_flow(run, side, who >> 1);
    if (flow == FTUN_NO_FLOW)
        return;
    const size_t len = (count - 1) * stride + last;
    uint8_t *bytes = fuzz_allocate(len);
    for (size_t i = 0; i < count; i++)
        write_datagram(run, run->life_of_flow[side][flow], bytes + i * stride,
                       i + 1 < count ? stride : last);
    const struct ftun_slice slice = {bytes, len};
    const struct ftun_burst burst = {
        .slices = &slice, .slice_count = 1, .len = len, .stride = count > 1 ? stride : len};
    for (size_t done = 0; done < len;) {
        done += checked_datagrams(&run->ends[side], run->now_ns, flow, &burst, done);
        carry_out(run, side, &burst);
    }
    free(bytes);
}

static void arrive(struct run *run, size_t index, bool vouched)
{
    const struct flight flight = land(run, index);
    const struct ftun_tunnel_packet packet = {.data = flight.bytes,
                                              .len = flight.len,
                                              .segment_size = flight.segment_size,
                                              .checksum_vouched = vouched && !flight.damaged};
    if (run->life_count < LIVES_MAX) { /* each packet opens one flow at most */
        checked_packet(&run->ends[flight.to], run->now_ns, &packet);
        carry_out(run, flight.to, NULL);
    }
    free(flight.bytes);
}

static void end_turn(struct run *run, enum ftun_role side)
{
    while (checked_end_turn(&run->ends[side], run->now_ns))
        carry_out(run, side, NULL);
    carry_out(run, side, NULL);
}

/* What is in flight now arrives in order. */
static void arrive_all(struct run *run)
{
    for (size_t left = run->in_flight; left > 0; left--)
        arrive(run, 0, false);
    end_turn(run, FTUN_CLIENT);
    end_turn(run, FTUN_SERVER);
}

static void repeat(struct run *run, const struct flight *flight)
{
    const struct wire_packet copy = {fuzz_copy(flight->bytes, flight->len), flight->len};
    run->repeats++;
    fly(run, flight->to, copy, flight->segment_size, flight->damaged);
}

static void damage(struct run *run, struct flight *flight, uint32_t where)
{
    if (run->damage_done)
        return;
    run->damage_done = flight->damaged = true;
    flight->bytes[where / 8 % flight->len] ^= (uint8_t)(1u << where % 8);
}

/* In two, the second first. Only packets as ftun emits them: their header is plain. */
static void fragment(struct run *run, size_t index, uint8_t where)
{
    struct ftun_ip_header ip;
    const struct flight *flight = &run->flights[index];
    if (flight->segment_size != 0 || flight->damaged ||
        ftun_ip_parse(flight->bytes, flight->len, &ip) != FTUN_TAKEN || ip.fragment ||
        ip.protocol != FTUN_PROTOCOL_TCP || ip.payload_len <= 8)
        return;
    const size_t cut = 8 * (1 + where % ((ip.payload_len - 1) / 8));
    const struct flight whole = land(run, index);
    const uint16_t id = run->fragment_id++;
    fly(run, whole.to, wire_fragment(whole.bytes, id, cut, ip.payload_len, false), 0, false);
    fly(run, whole.to, wire_fragment(whole.bytes, id, 0, cut, true), 0, false);
    free(whole.bytes);
}

static void complain(struct run *run, const struct flight *flight, uint16_t mtu)
{
    const size_t quoted = flight->len < 548 ? flight->len : 548; /* RFC 1812 4.3.2.3: 576 in all */
    struct ftun_ip_header ip;
    if (flight->damaged || ftun_ip_parse_quoted(flight->bytes, quoted, &ip) != FTUN_TAKEN)
        return;
    fly(run, other(flight->to), wire_too_big(flight->bytes, quoted, mtu), 0, false);
}

static void pass_time(struct run *run, uint64_t duration_ns)
{
    run->now_ns += duration_ns;
    for (int side = 0; side < SIDES; side++)
        while (ftun_endpoint_deadline(run->ends[side].endpoint) <= run->now_ns) {
            checked_timeout(&run->ends[side], run->now_ns);
            carry_out(run, (enum ftun_role)side, NULL);
        }
}

/* What the packet was about is lost with the process; what is in flight stays in flight. */
static void kill(struct run *run, enum ftun_role side, uint8_t choice)
{
    run->deaths++;
    checked_destroy(&run->ends[side]);
    create(run, side, choice);
}

static void close_flow(struct run *run, uint8_t who)
{
    const enum ftun_role side = side_of(who);
    checked_close(&run->ends[side], run->now_ns, (uint32_t)(who >> 1) % CHECKED_FLOWS);
    carry_out(run, side, NULL);
}

static void happen_to_flight(struct run *run, uint8_t operation, struct fuzz_input *input)
{
    const size_t index = fuzz_u8(input) % run->in_flight;
    struct flight *flight = &run->flights[index];
    switch (operation) {
    case REPEAT:
        repeat(run, flight);
        break;
    case LOSE:
        free(land(run, index).bytes);
        break;
    case DAMAGE:
        damage(run, flight, fuzz_u16(input));
        break;
    case CUT:
        flight->len -= fuzz_u8(input) % flight->len; /* the block keeps its size */
        break;
    case FRAGMENT:
        fragment(run, index, fuzz_u8(input));
        break;
    case COMPLAIN:
        complain(run, flight, fuzz_u16(input));
        break;
    default:
        arrive(run, index, operation == ARRIVE_VOUCHED);
        break;
    }
}

static void happen(struct run *run, struct fuzz_input *input, uint8_t choice)
{
    const uint8_t operation = fuzz_u8(input) % OPERATIONS;
    switch (operation) {
    case SPEAK:
        speak(run, input);
        break;
    case ARRIVE_ALL:
        arrive_all(run);
        break;
    case PASS_TIME:
        pass_time(run, fuzz_duration(fuzz_u8(input)));
        break;
    case CLOSE:
        close_flow(run, fuzz_u8(input));
        break;
    case KILL:
        kill(run, side_of(fuzz_u8(input)), choice);
        break;
    default:
        if (run->in_flight > 0)
            happen_to_flight(run, operation, input);
        break;
    }
}

/* Without a network, too, all that is closed goes away. */
static void finish(struct run *run)
{
    for (int side = 0; side < SIDES; side++) {
        while (checked_close_all(&run->ends[side], run->now_ns))
            carry_out(run, (enum ftun_role)side, NULL);
        carry_out(run, (enum ftun_role)side, NULL);
    }
    for (unsigned second = 0; second < 10; second++)
        pass_time(run, FTUN_SECOND);
    for (int side = 0; side < SIDES; side++) {
        FUZZ_REQUIRE(ftun_endpoint_flow_count(run->ends[side].endpoint) == 0);
        checked_destroy(&run->ends[side]);
    }
    while (run->in_flight > 0)
        free(land(run, 0).bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct fuzz_input input = {.data = data, .len = len};
    static struct run run;
    memset(&run, 0, sizeof run);
    const uint8_t choice = fuzz_u8(&input);
    run.now_ns = 100 * FTUN_SECOND;
    run.glued = (choice & 16) != 0;
    create(&run, FTUN_CLIENT, choice);
    create(&run, FTUN_SERVER, choice);
    while (!fuzz_is_empty(&input))
        happen(&run, &input, choice);
    finish(&run);
    return 0;
}
