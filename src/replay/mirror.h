/* A production connection that follows a captured end instead of acting by itself: what the end
 * has received goes through ftun_connection_segment(), what it has sent through this. */
#ifndef FTUN_REPLAY_MIRROR_H
#define FTUN_REPLAY_MIRROR_H

#include "connection.h"

/* The end has sent this SYN (without ACK): its connection begins. */
void ftun_mirror_connect(struct ftun_connection *connection, uint64_t now_ns,
                         const struct ftun_tcp_header *syn);

/* The end has a connection already, in which it has received or could have received `tcp`: after
 * the third packet of a handshake, or when a capture begins in mid-flow. */
void ftun_mirror_join(struct ftun_connection *connection, uint64_t now_ns,
                      const struct ftun_tcp_header *tcp, uint8_t peer_window_scale);

/* The end has sent this segment, in a connection that has begun. */
void ftun_mirror_sent(struct ftun_connection *connection, uint64_t now_ns,
                      const struct ftun_tcp_header *tcp, size_t payload_len);

#endif
