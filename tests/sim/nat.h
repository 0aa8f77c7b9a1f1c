/* A NAT in front of the client. It keeps wrong checksums wrong, as RFC 1624 has it. */
#ifndef FTUN_TESTS_SIM_NAT_H
#define FTUN_TESTS_SIM_NAT_H

#include "wire.h"

struct sim_nat {
    bool present;
    struct ftun_address inside, outside;
    uint16_t next_port;
    uint16_t outside_port[65536]; /* of a client's port; 0: none */
    uint16_t inside_port[65536];  /* the other way */
};

/* No port is mapped. `first_port`: the first that is handed out. */
void sim_nat_start(struct sim_nat *nat, bool present, const struct ftun_address *inside,
                   const struct ftun_address *outside, uint16_t first_port);

/* Forget all ports, as when it restarts: the next packet of each flow leaves from a new one. */
void sim_nat_rebind(struct sim_nat *nat);

/* A TCP packet leaves the client's network. */
void sim_nat_outward(struct sim_nat *nat, struct sim_packet *packet);

/* A TCP packet comes for the client. False when nobody is mapped there: it is dropped. */
bool sim_nat_inward(const struct sim_nat *nat, struct sim_packet *packet);

#endif
