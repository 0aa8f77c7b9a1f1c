/* Inside of a connection, shared by the connection*.c files and by nobody else. */
#ifndef FTUN_CORE_CONNECTION_STATE_H
#define FTUN_CORE_CONNECTION_STATE_H

#include "connection.h"

/* --- state changes: connection.c ---------------------------------------------------------- */

/* FIN is out and not acknowledged yet. */
bool ftun_connection_has_sent_fin(const struct ftun_connection *c);

void ftun_connection_enter(struct ftun_connection *c, enum ftun_state state);

/* Nothing is left. */
void ftun_connection_forget(struct ftun_connection *c, struct ftun_step *step);

/* The same, and the application's flow ends with it. */
void ftun_connection_end(struct ftun_connection *c, enum ftun_close_reason reason,
                         struct ftun_step *step);

void ftun_connection_establish(struct ftun_connection *c, uint64_t now_ns);

/* FIN_WAIT_2 or TIME_WAIT: it ends by time, if not before. */
void ftun_connection_wait_before_forgetting(struct ftun_connection *c, enum ftun_state state,
                                            uint64_t now_ns);

/* Send the FIN, in FIN_WAIT_1 or LAST_ACK. */
void ftun_connection_start_fin(struct ftun_connection *c, enum ftun_state state, uint64_t now_ns,
                               struct ftun_step *step);

/* --- segments without payload: connection_segments.c -------------------------------------- */

/* The IPv4 id of the next packet; `count` are used. */
uint16_t ftun_connection_take_ip_ids(struct ftun_connection *c, size_t count);

/* A header with what all segments share. */
struct ftun_tcp_header ftun_connection_header(const struct ftun_connection *c, uint8_t flags,
                                              uint32_t sequence);

/* What leaves now carries the acknowledgment: no separate one is due. */
void ftun_connection_acknowledged(struct ftun_connection *c);

void ftun_connection_send_ack(struct ftun_connection *c, struct ftun_step *step);

/* A keepalive probe (RFC 9293 3.8.4): an ACK with a sequence number that the peer has had, which
 * it answers. Linux: tcp_xmit_probe_skb(). */
void ftun_connection_send_probe(struct ftun_connection *c, uint64_t now_ns, struct ftun_step *step);

/* RFC 5961 7: a limit for each connection, so that no stranger's packets use up another's. */
bool ftun_connection_may_challenge(struct ftun_connection *c, uint64_t now_ns);

/* An ACK, within that limit. */
void ftun_connection_send_challenge(struct ftun_connection *c, uint64_t now_ns,
                                    struct ftun_step *step);

/* What both handshakes end with: the first window, for which `c->mss` is this end's; scaled only if
 * the peer's is (RFC 7323 2.2). */
void ftun_connection_open_window(struct ftun_connection *c, bool scaled);

/* And timestamps, if `options`, of the peer's segment, have them. */
void ftun_connection_agree_on_timestamps(struct ftun_connection *c,
                                         const struct ftun_tcp_options *options);

/* Bytes of options in each segment behind the handshake. */
size_t ftun_connection_options_len(const struct ftun_connection *c);

/* Give the step's segment, if it has one, the timestamps of this time: the last thing to be done.
 */
void ftun_connection_stamp(const struct ftun_connection *c, uint64_t now_ns,
                           struct ftun_step *step);

/* The same for the header of data. */
void ftun_connection_stamp_header(const struct ftun_connection *c, uint64_t now_ns,
                                  struct ftun_tcp_header *tcp);

/* These two set the time to send it again, too. */
void ftun_connection_send_syn(struct ftun_connection *c, uint64_t now_ns, struct ftun_step *step);
void ftun_connection_send_fin(struct ftun_connection *c, uint64_t now_ns, struct ftun_step *step);

void ftun_connection_repeat_fin(struct ftun_connection *c, struct ftun_step *step);

void ftun_connection_send_rst(struct ftun_connection *c, uint32_t sequence, struct ftun_step *step);

#endif
