/* The server's UDP side: a socket for each flow, connected to the application behind the tunnel,
 * which so sees each flow as a client of its own. */
#ifndef FTUN_IO_UPSTREAM_H
#define FTUN_IO_UPSTREAM_H

#include "udp.h"

struct ftun_upstream {
    struct ftun_socket_address target;
    int *sockets; /* by flow number; -1 */
    uint32_t max_flows;
};

bool ftun_upstream_init(struct ftun_upstream *upstream, const struct ftun_socket_address *target,
                        uint32_t max_flows, struct ftun_error *error);

/* Close what is still open. */
void ftun_upstream_destroy(struct ftun_upstream *upstream);

/* Make the socket of a new flow. Returns it, or -1 with errno (EMFILE: the limit of descriptors
 * is reached). */
int ftun_upstream_open(struct ftun_upstream *upstream, uint32_t flow);

void ftun_upstream_close(struct ftun_upstream *upstream, uint32_t flow);

/* Send datagrams to the application as this flow; returns how many the kernel did not accept. */
size_t ftun_upstream_deliver(struct ftun_upstream *upstream, uint32_t flow, const uint8_t *data,
                             size_t len, size_t stride);

#endif
