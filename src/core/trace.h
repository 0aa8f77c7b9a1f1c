/* Inputs and actions as text: one stable line each, in packetdrill's notation.
 *
 *   < 10.0.0.1:41234 10.0.0.2:4567 S 7:7(0) win 64240 <mss 1460,nop,wscale 10>
 *   > 10.0.0.2:4567 10.0.0.1:41234 P. 1:64401(46x1400) ack 8 win 65535
 *
 * Sequence numbers are absolute. (46x1400): a super-segment of 46 datagrams of 1400 bytes. */
#ifndef FTUN_CORE_TRACE_H
#define FTUN_CORE_TRACE_H

#include "endpoint.h"

#define FTUN_TRACE_MAX 448u /* bytes: the longest line and its zero byte */

/* A packet from the tunnel, `<`; or the refusal with which its parsing ends. Returns out. */
const char *ftun_trace_packet(const struct ftun_tunnel_packet *packet, char *out, size_t capacity);

/* An action: `>` for a segment, a word for the others. Returns out. */
const char *ftun_trace_action(const struct ftun_action *action, char *out, size_t capacity);

#endif
