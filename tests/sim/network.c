#include "network.h"

#include "bytes.h"
#include "resume_token.h"

void sim_network_start(struct sim_network *network, const struct sim_scenario *scenario,
                       const struct ftun_address *client, struct sim_agenda *agenda,
                       struct sim_ledger *ledger)
{
    const struct ftun_address outside =
        client->family == FTUN_IPV4
            ? (struct ftun_address){.bytes = {203, 0, 113, 9}, .family = FTUN_IPV4}
            : (struct ftun_address){.bytes = {0x20, 0x01, 0x0d, 0xb8, [15] = 9},
                                    .family = FTUN_IPV6};
    network->scenario = scenario;
    network->agenda = agenda;
    network->ledger = ledger;
    network->quality = scenario->quality;
    network->dark_until_ns[SIM_CLIENT] = network->dark_until_ns[SIM_SERVER] = 0;
    network->births = 0;
    network->fragments = 0;
    network->sighting_count[SIM_CLIENT] = network->sighting_count[SIM_SERVER] = 0;
    sim_random_seed(&network->random, scenario->seed ^ UINT64_C(0x6e6574776f726b));
    sim_nat_start(&network->nat, scenario->nat, scenario->strict, client, &outside,
                  (uint16_t)sim_random_next(&network->random));
}

/* --- under way ---------------------------------------------------------------------------- */

static uint64_t round_up(uint64_t at_ns, uint64_t quantum_ns)
{
    return (at_ns + quantum_ns - 1) / quantum_ns * quantum_ns;
}

static void schedule(struct sim_network *network, uint64_t now_ns, struct sim_packet *packet)
{
    const struct sim_quality *quality = &network->quality;
    uint64_t delay_ns = quality->delay_ns;
    if (quality->jitter_ns > 0)
        delay_ns += sim_random_next(&network->random) % quality->jitter_ns;
    if (sim_random_chance(&network->random, quality->reordering))
        delay_ns += sim_random_next(&network->random) % (4 * quality->delay_ns);
    const uint64_t at_ns = round_up(now_ns + delay_ns + 1, network->scenario->quantum_ns);
    sim_agenda_add(network->agenda, at_ns, SIM_PACKET_ARRIVES, 0, packet);
}

void sim_network_inject(struct sim_network *network, uint64_t now_ns, struct sim_packet *packet)
{
    network->packets++;
    schedule(network, now_ns, packet);
}

static bool is_broken(const struct sim_network *network, enum sim_breakage breakage)
{
    return network->scenario->breakage == breakage;
}

enum { LABEL_ENDS_BEFORE = FTUN_HEADERS_MAX + SIM_LABEL };

static void break_rules(struct sim_network *network, uint64_t now_ns, struct sim_packet *packet)
{
    const bool now = packet->label.stream != SIM_NO_STREAM && !packet->fragment &&
                     sim_random_below(&network->random, 16) == 0;
    if (!now)
        return;
    if (is_broken(network, SIM_BREAK_CORRUPT) && packet->len > LABEL_ENDS_BEFORE) {
        packet->bytes[packet->len - 1] ^= 1;
        packet->vouched = true;
    }
    if (is_broken(network, SIM_BREAK_RESET)) {
        sim_wire_turn_into_reset(packet);
        packet->vouched = true;
    }
    if (is_broken(network, SIM_BREAK_DUPLICATE)) {
        struct sim_packet *copy = sim_pool_copy(&network->pool, packet);
        copy->label.stream = SIM_NO_STREAM;
        schedule(network, now_ns, copy);
    }
}

/* What happens to one packet, or fragment, or copy. */
static void travel_once(struct sim_network *network, uint64_t now_ns, struct sim_packet *packet)
{
    network->packets++;
    if (now_ns < network->dark_until_ns[packet->to] ||
        sim_random_chance(&network->random, network->quality.loss)) {
        sim_pool_give(&network->pool, packet);
        return;
    }
    packet->corrupted = sim_random_chance(&network->random, network->quality.corruption);
    if (!packet->corrupted && network->scenario->breakage != SIM_UNBROKEN)
        break_rules(network, now_ns, packet);
    schedule(network, now_ns, packet);
}

static void travel(struct sim_network *network, uint64_t now_ns, struct sim_packet *packet)
{
    if (sim_random_chance(&network->random, network->quality.duplication))
        travel_once(network, now_ns, sim_pool_copy(&network->pool, packet));
    travel_once(network, now_ns, packet);
}

static void watch(struct sim_network *network, const struct sim_packet *packet, enum sim_side at)
{
    if (network->conntrack != NULL && sim_conntrack_side(network->conntrack) == at)
        sim_conntrack_see(network->conntrack, packet);
}

/* --- entry -------------------------------------------------------------------------------- */

static void fragment(struct sim_network *network, uint64_t now_ns, struct sim_packet *packet,
                     uint32_t id)
{
    const size_t at = sim_wire_fragment_at(packet, &network->random);
    /* what is fragmented on the way to the client has passed the NAT: only its first part has
     * ports */
    if (at != 0 && packet->to == SIM_CLIENT) {
        if (!sim_nat_inward(&network->nat, packet)) {
            sim_pool_give(&network->pool, packet);
            return;
        }
        packet->beyond_nat = true;
    }
    if (at != 0) {
        struct sim_packet *second = sim_pool_take(&network->pool);
        sim_wire_fragment(packet, at, id, second);
        travel(network, now_ns, second);
    }
    travel(network, now_ns, packet);
}

/* Sometimes a router has doubled the packet before, and each half took its own way. */
static void fragment_all(struct sim_network *network, uint64_t now_ns, struct sim_packet *packet)
{
    const uint32_t id = ++network->fragments;
    if (sim_random_chance(&network->random, network->quality.duplication))
        fragment(network, now_ns, sim_pool_copy(&network->pool, packet), id);
    fragment(network, now_ns, packet, id);
}

static void refuse_too_big(struct sim_network *network, uint64_t now_ns, struct sim_packet *packet)
{
    if (network->quality.says_too_big) {
        struct sim_packet *icmp = sim_pool_take(&network->pool);
        sim_wire_too_big(packet, network->quality.mtu, icmp);
        icmp->beyond_nat = true;
        travel(network, now_ns, icmp);
    }
    sim_pool_give(&network->pool, packet);
}

static bool is_acknowledgment_of_server(const struct sim_packet *packet)
{
    struct ftun_packet read;
    return packet->to == SIM_CLIENT && packet->label.stream == SIM_NO_STREAM &&
           ftun_packet_parse(packet->bytes, packet->len, true, &read) == FTUN_TAKEN &&
           read.tcp.flags == FTUN_ACK;
}

static void enter(struct sim_network *network, uint64_t now_ns, struct sim_packet *packet)
{
    if (is_broken(network, SIM_BREAK_PROBES) && is_acknowledgment_of_server(packet)) {
        sim_pool_give(&network->pool, packet);
        return;
    }
    if (is_broken(network, SIM_BREAK_SILENCE) && packet->label.stream == 0) {
        sim_pool_give(&network->pool, packet);
        return;
    }
    if (packet->len > network->quality.mtu) {
        refuse_too_big(network, now_ns, packet);
        return;
    }
    if (packet->to == SIM_SERVER && !sim_nat_outward(&network->nat, packet)) {
        sim_pool_give(&network->pool, packet);
        return;
    }
    if (sim_random_chance(&network->random, network->quality.fragmentation))
        fragment_all(network, now_ns, packet);
    else
        travel(network, now_ns, packet);
}

/* ftun's own: an answer, the only payload of a server's that is not a burst's, or a record. */
static bool is_message(enum sim_side from, const struct ftun_action *send)
{
    struct ftun_resume_record record;
    if (send->send.data == NULL)
        return false;
    return from == SIM_SERVER ||
           ftun_resume_record_read(send->send.data, send->send.segment.payload_len, &record);
}

void sim_network_send(struct sim_network *network, uint64_t now_ns, enum sim_side from,
                      const struct ftun_action *send, const uint8_t *payload)
{
    const struct ftun_segment *segment = &send->send.segment;
    const size_t stride = send->send.stride;
    const size_t count =
        segment->payload_len == 0 ? 1 : ftun_datagram_count(segment->payload_len, stride);
    const bool partial = network->scenario->partial_checksums;
    for (size_t i = 0; i < count; i++) {
        struct sim_packet *packet = sim_pool_take(&network->pool);
        sim_wire_cut(segment, stride, payload, i,
                     partial ? FTUN_CHECKSUM_PARTIAL : FTUN_CHECKSUM_FULL, packet);
        packet->birth = ++network->births;
        packet->to = sim_other(from);
        packet->vouched = partial;
        if (segment->payload_len > 0 && !is_message(from, send)) {
            const size_t off = i * stride;
            const size_t rest = segment->payload_len - off;
            packet->label =
                sim_ledger_emitted(network->ledger, payload + off, stride < rest ? stride : rest);
        }
        watch(network, packet, from);
        enter(network, now_ns, packet);
    }
}

/* --- arrival ------------------------------------------------------------------------------ */

bool sim_network_arrive(struct sim_network *network, struct sim_packet *packet)
{
    if (packet->to == SIM_CLIENT && !sim_nat_inward(&network->nat, packet)) {
        sim_pool_give(&network->pool, packet);
        return false;
    }
    if (packet->corrupted)
        sim_wire_corrupt(packet, &network->random);
    if (is_broken(network, SIM_BREAK_REORDER))
        packet->birth = ++network->births;
    watch(network, packet, packet->to);
    return true;
}

void sim_network_sight(struct sim_network *network, const struct sim_packet *packet)
{
    struct ftun_packet read;
    if (ftun_packet_parse(packet->bytes, packet->len, true, &read) != FTUN_TAKEN ||
        read.kind != FTUN_PACKET_SEGMENT)
        return;
    uint32_t *count = &network->sighting_count[packet->to];
    network->sightings[packet->to][(*count)++ % SIM_SIGHTINGS] = (struct sim_sighting){
        .tuple = {.local = {read.ip.destination, read.tcp.destination_port},
                  .remote = {read.ip.source, read.tcp.source_port}},
        .sequence = read.tcp.sequence,
        .acknowledgment = read.tcp.acknowledgment,
        .payload_len = (uint32_t)read.payload_len,
        .acknowledges = (read.tcp.flags & FTUN_ACK) != 0,
    };
}

const struct sim_sighting *sim_network_last_sighting(const struct sim_network *network,
                                                     enum sim_side side)
{
    const uint32_t count = network->sighting_count[side];
    return count == 0 ? NULL : &network->sightings[side][(count - 1) % SIM_SIGHTINGS];
}

const struct sim_sighting *sim_network_sighting(struct sim_network *network, enum sim_side side)
{
    const uint32_t count = network->sighting_count[side];
    if (count == 0)
        return NULL;
    const uint32_t known = count < SIM_SIGHTINGS ? count : SIM_SIGHTINGS;
    return &network->sightings[side][sim_random_below(&network->random, known)];
}
