/* A NAT or firewall in front of the client. It keeps wrong checksums wrong, as RFC 1624 has it.
 *
 * A SYN makes a connection known to it. A strict one passes nothing else of a connection that it
 * does not know, and says nothing: Linux with nf_conntrack_tcp_loose=0 and a rule that drops what
 * is invalid. */
#ifndef FTUN_TESTS_SIM_NAT_H
#define FTUN_TESTS_SIM_NAT_H

#include "wire.h"

struct sim_nat {
    bool translates;
    bool strict;
    struct ftun_address inside, outside;
    uint16_t next_port;
    uint16_t outside_port[65536]; /* of a client's port; 0: none */
    uint16_t inside_port[65536];  /* the other way */
    bool passes[65536];           /* by the client's port */
};

/* Nothing is known. `first_port`: the first that is handed out. */
void sim_nat_start(struct sim_nat *nat, bool translates, bool strict,
                   const struct ftun_address *inside, const struct ftun_address *outside,
                   uint16_t first_port);

/* Forget all connections, as when it restarts: what passes nevertheless leaves from a new port. */
void sim_nat_rebind(struct sim_nat *nat);

/* Forget the connection from this port of the client's, and be strict about it. */
void sim_nat_forget(struct sim_nat *nat, uint16_t port);

/* The client's network has another address now; the old one is nobody's. */
void sim_nat_move(struct sim_nat *nat);

/* The client has another address; connections from the old one are forgotten. */
void sim_nat_move_inside(struct sim_nat *nat, const struct ftun_address *inside);

/* A TCP packet leaves the client's network. False when it is dropped. */
bool sim_nat_outward(struct sim_nat *nat, struct sim_packet *packet);

/* A TCP packet comes for the client. False when nobody is mapped there: it is dropped. */
bool sim_nat_inward(const struct sim_nat *nat, struct sim_packet *packet);

#endif
