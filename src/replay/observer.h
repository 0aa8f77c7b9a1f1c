/* Both ends of every flow in a capture, each followed by a production connection.
 *
 * A segment is *received* by the connection of the end it goes to, and its verdict is that
 * connection's; and it is *mirrored* onto the connection of the end it comes from (mirror.h). A
 * listener keeps no state before the third packet of a handshake, as ftun's does not. A capture
 * that begins in mid-flow is joined at the first segment that acknowledges.
 *
 * Memory is fixed: of more than FTUN_OBSERVED_FLOWS flows an ended or silent one yields, and is
 * summed up. */
#ifndef FTUN_REPLAY_OBSERVER_H
#define FTUN_REPLAY_OBSERVER_H

#include "connection.h"
#include "dialect.h"
#include "findings.h"
#include "intake.h"
#include "message.h"
#include "reassembly.h"
#include "stream.h"
#include "tuple_map.h"

#define FTUN_OBSERVED_FLOWS 4096u

struct ftun_observed_end {
    struct ftun_connection connection;
    struct ftun_stream sent;
    uint64_t segments; /* sent */
    uint32_t isn;      /* of its SYN-ACK */
    uint16_t mss;      /* bytes, that it has named; 0: not seen */
    uint8_t window_scale;
    uint8_t ttl;        /* of its first packet */
    bool answered;      /* sent a SYN-ACK, and waits for the third packet */
    bool window_judged; /* the scale that its peer's windows have is known */
};

enum ftun_handshake {
    FTUN_HANDSHAKE_UNSEEN, /* the capture begins later */
    FTUN_HANDSHAKE_UNFINISHED,
    FTUN_HANDSHAKE_COMPLETE
};

enum ftun_flow_end { FTUN_FLOW_OPEN, FTUN_FLOW_FIN, FTUN_FLOW_RESET, FTUN_FLOW_REFUSED };

/* End 0 is the one that opened the flow, or that was seen first. */
struct ftun_observed_flow {
    uint64_t number; /* from 1, in order of appearance */
    struct ftun_socket_address address[2];
    struct ftun_observed_end end[2];
    uint64_t first_packet;
    uint64_t first_ns, last_ns; /* the core's time */
    uint64_t established_ns;    /* for FTUN_HANDSHAKE_COMPLETE */
    struct ftun_messages messages;
    enum ftun_handshake handshake;
    enum ftun_dialect dialect;
    enum ftun_flow_end ended;
    uint8_t ended_by; /* which end */
};

/* Flows that are in the table no more. */
struct ftun_observed_rest {
    uint64_t flows, segments, datagrams, bytes;
};

struct ftun_observer {
    struct ftun_tuple_map map; /* local is the lesser of both addresses */
    struct ftun_observed_flow *flows;
    uint64_t flow_count; /* seen in all */
    struct ftun_observed_rest rest;
    struct ftun_reassembly reassembly;
    struct ftun_findings findings;
    enum ftun_message message; /* what the packet carries, if it is ftun's own */
    struct ftun_summary *summary;
    FILE *events; /* NULL: none are printed */
};

/* Memory for observing. False when there is none. */
bool ftun_observer_create(struct ftun_observer *observer);

/* Observe from the start. */
void ftun_observer_start(struct ftun_observer *observer, struct ftun_summary *summary,
                         FILE *events);

void ftun_observer_packet(struct ftun_observer *observer, struct ftun_intake_packet *packet);

/* The capture has ended: look at the flows as a whole. */
void ftun_observer_finish(struct ftun_observer *observer);

/* The flows in the table, in order of appearance: `out` has room for FTUN_OBSERVED_FLOWS. Returns
 * how many. */
size_t ftun_observer_list(const struct ftun_observer *observer,
                          const struct ftun_observed_flow **out);

/* True when a flow that never ended has not been heard for the idle timeout at `now_ns`. */
bool ftun_observed_silent(const struct ftun_observed_flow *flow, uint64_t now_ns);

void ftun_observer_free(struct ftun_observer *observer);

#endif
