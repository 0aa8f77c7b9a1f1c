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
    switch (sim_random_below(random, 6)) {
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
    case 3:
        tcp.flags = FTUN_ACK | FTUN_PSH;
        tcp.sequence = far_from(next, random);
        payload_len = PAYLOAD;
        break;
    case 4:
        tcp.flags = FTUN_ACK | FTUN_PSH;
        tcp.acknowledgment = far_from(sighting->acknowledgment, random);
        payload_len = PAYLOAD;
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
    const struct ftun_tcp_header tcp = {
        .sequence = far_from(sighting->acknowledgment, random), .flags = FTUN_ACK};
    write_segment(quoted, &reverse, &tcp, PAYLOAD);
    quoted->to = sim_other(packet->to);
    sim_wire_too_big(quoted, 600, packet);
}

void sim_stranger_speak(struct sim_network *network, uint64_t now_ns)
{
    struct sim_random *random = &network->random;
    const enum sim_side to = sim_random_below(random, 2) == 0 ? SIM_CLIENT : SIM_SERVER;
    const struct sim_sighting *sighting = sim_network_sighting(network, to);
    if (sighting == NULL)
        return;
    struct sim_packet *packet = sim_pool_take(&network->pool);
    struct sim_packet *scratch = sim_pool_take(&network->pool);
    packet->to = to;
    packet->beyond_nat = true;
    switch (sim_random_below(random, 6)) {
    case 0:
        knock(packet, sighting, random);
        break;
    case 1:
        write_garbage(packet, random);
        break;
    case 2:
        complain(packet, sighting, random, scratch);
        break;
    default:
        disturb(packet, sighting, random);
        break;
    }
    sim_pool_give(&network->pool, scratch);
    sim_network_inject(network, now_ns, packet);
}
