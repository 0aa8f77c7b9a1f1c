/* Somebody who sees some of the packets and sends others: resets, handshakes, data, ICMP errors,
 * garbage. None of it may deliver anything or disturb a flow. */
#ifndef FTUN_TESTS_SIM_STRANGER_H
#define FTUN_TESTS_SIM_STRANGER_H

#include "network.h"

/* Send a packet to one of the ends, now and then many fragments. */
void sim_stranger_speak(struct sim_network *network, uint64_t now_ns);

/* A reset with the very sequence number that this side expects next, if nothing comes before it:
 * from one who sees the connection. */
void sim_stranger_reset(struct sim_network *network, uint64_t now_ns, enum sim_side to);

#endif
