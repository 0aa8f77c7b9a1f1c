/* One line a packet, packetdrill-like, and one more, indented, for each action that it leads to:
 *
 *   3 0.000147 < 10.0.0.1:44439 10.0.0.2:4567 . 1:1(0) ack 1 win 65535 : taken
 *       open flow 0 10.0.0.2:4567 10.0.0.1:44439
 *   - 0.040147 timer
 *       > 10.0.0.2:4567 10.0.0.1:44439 . 1:1(0) ack 2 win 65535
 *
 * Number, seconds since the first packet, the packet (trace.h), what became of it. */
#ifndef FTUN_REPLAY_EVENTS_H
#define FTUN_REPLAY_EVENTS_H

#include "intake.h"

/* `out` NULL: nothing is printed by any of these. */

/* A packet and what became of it. */
void ftun_events_packet(FILE *out, const struct ftun_intake_packet *packet, const char *verdict);

/* The endpoint's timer went off at `now_ns`. */
void ftun_events_timer(FILE *out, uint64_t now_ns);

void ftun_events_action(FILE *out, const struct ftun_action *action);

/* Datagrams or packets refused on the way, not those of the line's own packet. */
void ftun_events_refused(FILE *out, enum ftun_refusal refusal, uint64_t count);

#endif
