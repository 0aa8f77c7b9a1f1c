#include "stranger.h"

#include "bytes.h"

enum { PAYLOAD = 24 };

/* A sequence number that no window reaches: half the space away, give or take a quarter. */
static uint32_t far_from(uint32_t sequence, struct sim_random *random)
{
    return sequence + 0x60000000u + sim_random_below(random, 0x40000000u);
}

/* A segment from the peer of `sighting`, so it says, with 0 or PAYLOAD bytes. */
static void write_segment(struct sim_packet *packet, const struct sim_sighting *sighting,
                          const struct ftun_tcp_header *tcp, size_t payload_len)
{
    const struct ftun_tuple *tuple = &sighting->tuple;
    const size_t ip_len = ftun_ip_header_len((enum ftun_family)tuple->local.ip.family);
    struct ftun_tcp_header header = *tcp;
    header.source_port = tuple->remote.port;
    header.destination_port = tuple->local.port;
    const size_t tcp_len = ftun_tcp_emit(&header, packet->bytes + ip_len);
    memset(packet->bytes + ip_len + tcp_len, '?', payload_len);
    sim_wire_finish(packet, &tuple->remote.ip, &tuple->local.ip, FTUN_PROTOCOL_TCP,
                    tcp_len + payload_len, FTUN_TCP_CHECKSUM_OFFSET);
}

/* In the flow, but where RFC 5961 and RFC 9293 have an end look twice. */
static void disturb(struct sim_packet *packet, const struct sim_sighting *sighting,
                    struct sim_random *random)
{
    const uint32_t next = sighting->sequence + sighting->payload_len;
    struct ftun_tcp_header tcp = {
        .sequence = next, .acknowledgment = sighting->acknowledgment, .window = 1000};
    size_t payload_len = 0;
    switch (sim_random_below(random, 7)) {
    case 0: /* a reset from nowhere */
        tcp.flags = FTUN_RST;
        tcp.sequence = far_from(next, random);
        break;
    case 1: /* a reset that is in the window, but ahead */
        tcp.flags = FTUN_RST;
        tcp.sequence = next + (UINT32_C(32) << 20) + sim_random_below(random, 1000000);
        break;
    case 2:
        tcp.flags = FTUN_SYN;
        tcp.sequence = (uint32_t)sim_random_next(random);
        break;
    case 3: /* whose acknowledgment is acceptable, but no cookie: see cookie.h */
        tcp.flags = FTUN_ACK | FTUN_PSH;
        tcp.sequence = far_from(next, random);
        tcp.acknowledgment--;
        payload_len = PAYLOAD;
        break;
    case 4:
        tcp.flags = FTUN_ACK | FTUN_PSH;
        tcp.acknowledgment = far_from(sighting->acknowledgment, random);
        payload_len = PAYLOAD;
        break;
    case 5: /* RFC 9293 3.10.7.4: a segment without ACK is dropped, even a FIN */
        tcp.flags = FTUN_FIN;
        break;
    default:
        tcp.flags = FTUN_FIN | FTUN_ACK;
        tcp.sequence = far_from(next, random);
        break;
    }
    write_segment(packet, sighting, &tcp, payload_len);
}

/* From an address that has nothing to do with any flow. */
static void knock(struct sim_packet *packet, const struct sim_sighting *sighting,
                  struct sim_random *random)
{
    static const uint8_t flags[] = {FTUN_SYN, FTUN_ACK, FTUN_RST, FTUN_SYN | FTUN_ACK,
                                    FTUN_FIN | FTUN_ACK};
    struct sim_sighting spoofed = *sighting;
    spoofed.tuple.remote.ip.bytes[3] = (uint8_t)sim_random_between(random, 10, 250);
    spoofed.tuple.remote.port = (uint16_t)sim_random_next(random);
    const struct ftun_tcp_header tcp = {
        .sequence = (uint32_t)sim_random_next(random),
        .acknowledgment = (uint32_t)sim_random_next(random),
        .window = 1000,
        .flags = flags[sim_random_below(random, sizeof flags)],
    };
    write_segment(packet, &spoofed, &tcp, 0);
}

/* A fragment of that shape, from where the peer is. */
static void write_fragment(struct sim_packet *packet, const struct sim_sighting *sighting,
                           const struct sim_fragment *shape)
{
    const struct ftun_tuple *tuple = &sighting->tuple;
    struct sim_fragment fragment = *shape;
    fragment.source = tuple->remote.ip;
    fragment.destination = tuple->local.ip;
    memset(packet->bytes + sim_wire_fragment_headers((enum ftun_family)tuple->local.ip.family), '?',
           fragment.payload_len);
    sim_wire_finish_fragment(packet, &fragment);
}

/* Of few different packets, so that they overlap; too small, too far out, of odd lengths. */
static void write_some_fragment(struct sim_packet *packet, const struct sim_sighting *sighting,
                                struct sim_random *random)
{
    struct sim_fragment shape = {.protocol = FTUN_PROTOCOL_TCP};
    shape.id = 0xf000 + sim_random_below(random, 4);
    shape.more = sim_random_below(random, 4) != 0;
    shape.payload_len = 8 * (size_t)sim_random_between(random, 1, 4);
    shape.offset = 8 * (size_t)sim_random_below(random, 8);
    switch (sim_random_below(random, 8)) {
    case 0:
        shape.protocol = FTUN_PROTOCOL_UDP;
        break;
    case 1:
        shape.payload_len--;
        break;
    case 2:
        shape.offset = 8 * (size_t)sim_random_between(random, 0x1ff0, 0x1fff);
        break;
    default:
        break;
    }
    write_fragment(packet, sighting, &shape);
}

/* More fragments of one packet than any may have. */
static void flood_fragments(struct sim_network *network, uint64_t now_ns, enum sim_side to,
                            const struct sim_sighting *sighting)
{
    struct sim_fragment shape = {
        .protocol = FTUN_PROTOCOL_TCP, .id = 0xf100, .offset = 64, .payload_len = 8, .more = true};
    for (uint32_t i = 0; i <= FTUN_REASSEMBLY_FRAGMENTS_MAX; i++) {
        struct sim_packet *packet = sim_pool_take(&network->pool);
        packet->to = to;
        packet->beyond_nat = true;
        write_fragment(packet, sighting, &shape);
        sim_network_inject(network, now_ns, packet);
        shape.offset += 8;
    }
}

/* IPv6: more headers than anybody walks. IPv4: a protocol that nobody expects. */
static void write_extensions(struct sim_packet *packet, const struct sim_sighting *sighting)
{
    enum { HEADERS = FTUN_IPV6_EXTENSIONS_MAX + 1, HEADER = 8, DESTINATION_OPTIONS = 60, PADN = 1 };
    const struct ftun_tuple *tuple = &sighting->tuple;
    for (size_t i = 0; i < HEADERS; i++) {
        uint8_t *header = packet->bytes + FTUN_IPV6_HEADER + i * HEADER;
        const uint8_t bytes[HEADER] = {DESTINATION_OPTIONS, 0, PADN, 4};
        memcpy(header, bytes, HEADER);
    }
    sim_wire_finish(packet, &tuple->remote.ip, &tuple->local.ip, DESTINATION_OPTIONS,
                    HEADERS * HEADER, HEADERS * HEADER - 2);
}

static void write_garbage(struct sim_packet *packet, struct sim_random *random)
{
    packet->len = sim_random_below(random, 120);
    for (size_t i = 0; i < packet->len; i++)
        packet->bytes[i] = (uint8_t)sim_random_next(random);
    if (packet->len > 0 && sim_random_below(random, 2) == 0)
        packet->bytes[0] = 0x45;
}

/* "Too big" about a segment that this end never sent. */
static void complain(struct sim_packet *packet, const struct sim_sighting *sighting,
                     struct sim_random *random, struct sim_packet *quoted)
{
    const struct ftun_tuple *tuple = &sighting->tuple;
    const struct sim_sighting reverse = {.tuple = {.local = tuple->remote, .remote = tuple->local}};
    const struct ftun_tcp_header tcp = {.sequence = far_from(sighting->acknowledgment, random),
                                        .flags = FTUN_ACK};
    write_segment(quoted, &reverse, &tcp, PAYLOAD);
    sim_wire_too_big(quoted, 600, packet);
    if (sim_random_below(random, 4) == 0) { /* and quote less than anybody can read */
        const bool ipv6 = tuple->local.ip.family == FTUN_IPV6;
        sim_wire_finish(packet, &tuple->remote.ip, &tuple->local.ip,
                        ipv6 ? FTUN_PROTOCOL_ICMPV6 : FTUN_PROTOCOL_ICMP,
                        FTUN_ICMP_HEADER + sim_random_below(random, 20), 2);
    }
}

/* A SYN to the client, from the server that it speaks with: perhaps it has only sent its own. */
static void open_likewise(struct sim_network *network, struct sim_packet *packet)
{
    const struct sim_sighting *sighting = sim_network_sighting(network, SIM_SERVER);
    if (sighting == NULL)
        return;
    const struct sim_sighting reverse = {
        .tuple = {.local = sighting->tuple.remote, .remote = sighting->tuple.local}};
    const struct ftun_tcp_header tcp = {.sequence = (uint32_t)sim_random_next(&network->random),
                                        .flags = FTUN_SYN};
    write_segment(packet, &reverse, &tcp, 0);
    packet->to = SIM_CLIENT;
    packet->beyond_nat = false;
}

static void write_complaint(struct sim_network *network, struct sim_packet *packet,
                            const struct sim_sighting *sighting)
{
    struct sim_packet *quoted = sim_pool_take(&network->pool);
    quoted->to = sim_other(packet->to);
    complain(packet, sighting, &network->random, quoted);
    sim_pool_give(&network->pool, quoted);
}

static void write_one(struct sim_network *network, struct sim_packet *packet,
                      const struct sim_sighting *sighting)
{
    struct sim_random *random = &network->random;
    /* who has seen only a SYN can do no more than guess, and might guess right */
    switch (sim_random_below(random, sighting->acknowledges ? 9 : 6)) {
    case 0:
        knock(packet, sighting, random);
        break;
    case 1:
        write_garbage(packet, random);
        break;
    case 2:
        write_some_fragment(packet, sighting, random);
        break;
    case 3:
        write_extensions(packet, sighting);
        break;
    case 4:
    case 5:
        open_likewise(network, packet);
        break;
    case 6:
        write_complaint(network, packet, sighting);
        break;
    default:
        disturb(packet, sighting, random);
        break;
    }
}

void sim_stranger_speak(struct sim_network *network, uint64_t now_ns)
{
    const enum sim_side to = sim_random_below(&network->random, 2) == 0 ? SIM_CLIENT : SIM_SERVER;
    const struct sim_sighting *sighting = sim_network_sighting(network, to);
    if (sighting == NULL)
        return;
    if (sim_random_below(&network->random, 32) == 0) {
        flood_fragments(network, now_ns, to, sighting);
        return;
    }
    struct sim_packet *packet = sim_pool_take(&network->pool);
    packet->to = to;
    packet->beyond_nat = true;
    write_one(network, packet, sighting);
    sim_network_inject(network, now_ns, packet);
}

void sim_stranger_reset(struct sim_network *network, uint64_t now_ns, enum sim_side to)
{
    const struct sim_sighting *sighting = sim_network_last_sighting(network, to);
    if (sighting == NULL)
        return;
    struct sim_packet *packet = sim_pool_take(&network->pool);
    packet->to = to;
    packet->beyond_nat = true;
    const struct ftun_tcp_header tcp = {.sequence = sighting->sequence + sighting->payload_len,
                                        .flags = FTUN_RST};
    write_segment(packet, sighting, &tcp, 0);
    sim_network_inject(network, now_ns, packet);
}
