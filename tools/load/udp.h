#ifndef LOAD_UDP_H
#define LOAD_UDP_H

#include "address.h"

#include <stddef.h>
#include <stdint.h>

/*
 * UDP sockets with the largest buffers the kernel grants. All functions exit with a message when
 * the kernel refuses.
 */

/** Datagrams in one UDP_SEGMENT call that every kernel takes. */
enum { UDP_BURST_DATAGRAMS_MOST = 64 };

/** Bytes in one UDP_SEGMENT call: what fits an IPv4 and an IPv6 packet. */
enum { UDP_BURST_BYTES_MOST = 65487 };

/** How often a blocked send or receive returns, so that its loop can look at the clock. */
enum { UDP_PATIENCE_MS = 100 };

/** A socket bound to `address`. */
int udp_listen(const struct address *address);

/** A socket connected to `address`, bound to a port that the kernel chose. */
int udp_connect(const struct address *address);

/** Let receive calls return several equal-sized datagrams glued together (UDP_GRO). */
void udp_receive_glued(int socket);

/** Make blocked calls on the socket return after `milliseconds`. */
void udp_set_patience(int socket, unsigned milliseconds);

/** Bytes the receive buffer holds, counted as the kernel counts: bookkeeping included. */
size_t udp_receive_room(int socket);

/** Datagrams that the kernel dropped because the socket's receive buffer was full. */
uint64_t udp_dropped(int socket);

/** Allow as many open files as the hard limit has. */
void udp_allow_many_sockets(void);

#endif
