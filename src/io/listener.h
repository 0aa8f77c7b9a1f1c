/* The client's UDP side: one socket that all applications send to, and where each flow's answers
 * go. */
#ifndef FTUN_IO_LISTENER_H
#define FTUN_IO_LISTENER_H

#include "udp.h"

struct ftun_listener {
    int fd;
    struct ftun_listener_peer *peers; /* by flow number */
};

/* Listen on `address`, for flows numbered below `max_flows`. `beside`: another that listens there
 * already, and shares the applications; or NULL. */
bool ftun_listener_open(struct ftun_listener *listener, const struct ftun_listener *beside,
                        const struct ftun_socket_address *address, uint32_t max_flows,
                        struct ftun_error *error);

void ftun_listener_close(struct ftun_listener *listener);

/* A datagram of this flow has come: answers go where it came from, from where it was sent to. */
void ftun_listener_learn(struct ftun_listener *listener, uint32_t flow,
                         const struct ftun_udp_message *message);

/* The address of a flow's application. */
struct ftun_socket_address ftun_listener_peer(const struct ftun_listener *listener, uint32_t flow);

/* Send datagrams to a flow's application; returns how many the kernel did not accept. */
size_t ftun_listener_deliver(struct ftun_listener *listener, uint32_t flow, const uint8_t *data,
                             size_t len, size_t stride);

#endif
