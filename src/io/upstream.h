/* The server's UDP side: the application behind the tunnel sees each flow as a client of its own.
 *
 * Either by a port: the flow has a connected socket of its own. Or by an address: towards an
 * application on 127.0.0.0/8 one socket carries any number of flows, each from an address out of
 * 127.128.0.0/10 that holds its number. Answers tell by their destination which flow they are for,
 * and one call receives those of many. That socket hears the loopback device alone, and of what it
 * hears the application alone is believed. */
#ifndef FTUN_IO_UPSTREAM_H
#define FTUN_IO_UPSTREAM_H

#include "udp.h"

struct ftun_upstream {
    struct ftun_socket_address target;
    union ftun_sockaddr target_sockaddr;
    uint32_t max_flows;
    int *sockets;          /* by flow number, or one of the two below */
    uint32_t sockets_left; /* flows that may still have one of their own */
    int shared;            /* the socket of all others; -1: there is none */
    uint8_t *lives;        /* by flow number: how often it has been closed; with a shared socket */
    unsigned flow_bits;    /* of an address; those above them are of the flow's life */
};

enum { FTUN_NO_SOCKET = -1, FTUN_SHARED_SOCKET = -2 };

/* Flow numbers that addresses have room for. */
#define FTUN_UPSTREAM_FLOWS_MAX (UINT32_C(1) << 22)

/* Can flows share a socket towards this address? */
bool ftun_upstream_can_share(const struct ftun_socket_address *target);

/* For flows numbered below `max_flows`, of which `own_sockets` at a time have sockets of their own;
 * when that is less, the others share one, which the target allows then. */
bool ftun_upstream_init(struct ftun_upstream *upstream, const struct ftun_socket_address *target,
                        uint32_t max_flows, uint32_t own_sockets, struct ftun_error *error);

/* Close what is still open. */
void ftun_upstream_destroy(struct ftun_upstream *upstream);

/* A new flow. Returns its socket, FTUN_SHARED_SOCKET, or FTUN_NO_SOCKET with errno (EMFILE: the
 * limit of descriptors is reached). */
int ftun_upstream_open(struct ftun_upstream *upstream, uint32_t flow);

void ftun_upstream_close(struct ftun_upstream *upstream, uint32_t flow);

/* Receive what the socket of a flow has, as ftun_udp_receive() does; nothing when the flow has
 * none. The messages say which flow they are for. */
int ftun_upstream_receive(struct ftun_upstream *upstream, uint32_t flow,
                          struct ftun_udp_batch *batch);

/* The same for the shared socket; those in `strangers` are for no flow. */
int ftun_upstream_receive_shared(struct ftun_upstream *upstream, struct ftun_udp_batch *batch,
                                 ftun_udp_taken *strangers);

/* Send datagrams to the application as this flow; returns how many the kernel did not accept. */
size_t ftun_upstream_deliver(struct ftun_upstream *upstream, uint32_t flow, const uint8_t *data,
                             size_t len, size_t stride);

#endif
