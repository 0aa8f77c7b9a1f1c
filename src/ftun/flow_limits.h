/* How many flows there can be on this host, and what else they would run short of. */
#ifndef FTUN_FTUN_FLOW_LIMITS_H
#define FTUN_FTUN_FLOW_LIMITS_H

#include "options.h"

struct ftun_flow_limits {
    uint32_t flows;
    uint32_t sockets; /* server: flows at a time that have a UDP socket of their own */
};

/* Raises the process's limits as far as it may, and logs where flows are fewer than asked for, or
 * share a socket. `upstream` is a server's UDP service. False when the options cannot be met. */
bool ftun_flow_limits(const struct ftun_options *options,
                      const struct ftun_socket_address *upstream, struct ftun_flow_limits *limits,
                      struct ftun_error *error);

#endif
