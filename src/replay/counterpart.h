/* Two sets of numbers for one connection: those that the capture shows of this end, and those that
 * the endpoint in its place has chosen. Packets to the endpoint are rewritten from the first to the
 * second, its actions back, so that what is printed speaks of the capture. */
#ifndef FTUN_REPLAY_COUNTERPART_H
#define FTUN_REPLAY_COUNTERPART_H

#include "endpoint.h"
#include "message.h"
#include "rewrite.h"
#include "tuple_map.h"

/* One connection of the endpoint, or one that is being opened. */
struct ftun_counterpart {
    uint16_t port;     /* the endpoint's own; a client's differs from the captured one */
    uint32_t flow;     /* the endpoint's number; FTUN_NO_FLOW: not open (any more) */
    uint32_t isn;      /* of the endpoint */
    uint32_t offset;   /* the endpoint's sequence numbers minus the captured ones */
    uint32_t sent_to;  /* captured: the end of what this end has sent */
    uint16_t mss;      /* bytes: the endpoint's, once established */
    bool offset_known; /* else the captured numbers are taken to begin at 0 */
    bool has_sent;     /* sent_to means something */
    struct ftun_messages messages;
};

struct ftun_counterparts {
    enum ftun_role role;
    struct ftun_tuple_map map; /* by captured tuple, local being this end */
    struct ftun_counterpart *at;
    uint32_t *of_flow; /* by the endpoint's flow number */
    uint32_t max_flows;
    uint16_t *captured_port; /* client: by the endpoint's own port; 0: the same */
    uint32_t opening; /* client: the counterpart whose SYN the endpoint is to send, or none */
    uint32_t opening_sequence; /* captured, of that SYN */
    uint32_t redialled;        /* client: a flow that has sent a SYN of its own accord, or none */
    uint16_t redialled_port;
    uint32_t redialled_isn;
};

/* False without memory. */
bool ftun_counterparts_create(struct ftun_counterparts *counterparts, enum ftun_role role,
                              uint32_t max_flows);

/* Forget all. */
void ftun_counterparts_clear(struct ftun_counterparts *counterparts);

void ftun_counterparts_free(struct ftun_counterparts *counterparts);

/* The counterpart of a captured tuple; NULL. */
struct ftun_counterpart *ftun_counterpart_find(struct ftun_counterparts *counterparts,
                                               const struct ftun_tuple *captured);

/* Rewrite a packet that the endpoint is about to get. */
void ftun_counterpart_receive(struct ftun_counterparts *counterparts, uint8_t *packet, size_t len);

/* This end has sent a SYN-ACK or data with this captured sequence number; the endpoint's own for
 * the same is `own`. */
void ftun_counterpart_align(struct ftun_counterpart *counterpart, uint32_t captured, uint32_t own);

/* Client: the captured end opens a connection. True when the endpoint has done so already, by
 * itself; else the endpoint is to be asked, and its SYN will belong to this tuple. */
bool ftun_counterpart_open(struct ftun_counterparts *counterparts,
                           const struct ftun_tuple *captured, uint32_t sequence);

/* Learn from the endpoint's actions. */
void ftun_counterpart_learn(struct ftun_counterparts *counterparts,
                            const struct ftun_actions *actions);

/* An action as the captured end would have made it. */
struct ftun_action ftun_counterpart_restore(struct ftun_counterparts *counterparts,
                                            const struct ftun_action *action);

#endif
