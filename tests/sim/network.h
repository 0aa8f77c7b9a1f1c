/* The bad network: whatever an end sends enters here, and arrives later, or not, or twice. */
#ifndef FTUN_TESTS_SIM_NETWORK_H
#define FTUN_TESTS_SIM_NETWORK_H

#include "agenda.h"
#include "conntrack.h"
#include "nat.h"

/* What a stranger may know who has seen one packet to this end. */
struct sim_sighting {
    struct ftun_tuple tuple; /* as this end has it */
    uint32_t sequence, acknowledgment;
    uint32_t payload_len; /* bytes */
    bool acknowledges;    /* it was no SYN: its sender knows the receiver's numbers */
};

#define SIM_SIGHTINGS 8u

struct sim_network {
    const struct sim_scenario *scenario;
    struct sim_agenda *agenda;
    struct sim_ledger *ledger;
    struct sim_random random;
    struct sim_pool pool;
    struct sim_nat nat;
    struct sim_conntrack *conntrack;   /* that watches; NULL: nobody does */
    struct sim_quality quality;        /* at present */
    uint64_t dark_until_ns[SIM_SIDES]; /* all for this side is lost before */
    uint64_t births;
    uint64_t packets; /* that ends have sent, copies and strangers' included */
    uint32_t fragments;
    struct sim_sighting sightings[SIM_SIDES][SIM_SIGHTINGS];
    uint32_t sighting_count[SIM_SIDES];
};

/* Begin with the scenario's quality. Scenario, agenda and ledger outlive the network's use. */
void sim_network_start(struct sim_network *network, const struct sim_scenario *scenario,
                       const struct ftun_address *client, struct sim_agenda *agenda,
                       struct sim_ledger *ledger);

/* The side `from` sends the segment of this SEND action; `payload` is the segment's. */
void sim_network_send(struct sim_network *network, uint64_t now_ns, enum sim_side from,
                      const struct ftun_action *send, const uint8_t *payload);

/* A packet that somebody else has made is on its way to packet->to. */
void sim_network_inject(struct sim_network *network, uint64_t now_ns, struct sim_packet *packet);

/* A packet from the agenda has come to the end that it is for. False: not quite; it is gone. */
bool sim_network_arrive(struct sim_network *network, struct sim_packet *packet);

/* Note what a whole, unaltered packet shows of its connection. */
void sim_network_sight(struct sim_network *network, const struct sim_packet *packet);

/* The latest packet to this side; NULL when there was none. */
const struct sim_sighting *sim_network_last_sighting(const struct sim_network *network,
                                                     enum sim_side side);

/* One of the latest packets to this side, at random; NULL when there was none. */
const struct sim_sighting *sim_network_sighting(struct sim_network *network, enum sim_side side);

#endif
