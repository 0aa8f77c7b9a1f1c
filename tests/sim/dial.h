/* How a client may dial: the flow outlives its connections, and the network is not flooded. */
#ifndef FTUN_TESTS_SIM_DIAL_H
#define FTUN_TESTS_SIM_DIAL_H

#include "world.h"

/* The client sends a SYN. Must hold: in a long outage no more than two a second for each
 * application. */
void sim_dial_syn(struct sim_world *world);

/* A packet of the server's has come, whole, to this port of the client's. */
void sim_dial_heard(struct sim_world *world, const struct ftun_tunnel_packet *packet);

/* The client tries another connection for a flow. Must hold: there is a reason to. The server's
 * name is then asked for again. */
void sim_dial_again(struct sim_world *world, const struct ftun_action *reconnect);

/* The client gives up a flow. Must hold: not because a connection has failed. */
void sim_dial_closed(struct sim_world *world, const struct ftun_action *close);

/* The answer to the question after the server's name: where it is now. */
void sim_dial_resolved(struct sim_world *world);

#endif
