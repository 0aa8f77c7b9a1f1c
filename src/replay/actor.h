/* One end of a capture played by a production endpoint.
 *
 * What the capture shows coming to that end is given to ftun_endpoint_packet(); what it shows that
 * end sending is what its application, or its user, did: datagrams, an opening, a close. Time is
 * the capture's; deadlines between packets are run when they are due. A packet is a turn. */
#ifndef FTUN_REPLAY_ACTOR_H
#define FTUN_REPLAY_ACTOR_H

#include "counterpart.h"
#include "intake.h"
#include "summary.h"

struct ftun_actor {
    struct ftun_endpoint_config config;
    struct ftun_endpoint *endpoint;
    void *memory;                   /* of the endpoint */
    struct ftun_socket_address end; /* that is played; family NONE: not known yet */
    bool awake;                     /* the endpoint has its address */
    struct ftun_counterparts counterparts;
    struct ftun_summary *summary;
    FILE *events;                                /* NULL: none are printed */
    uint64_t number;                             /* of the packet under way */
    uint64_t refused_before[FTUN_REFUSAL_COUNT]; /* the counters when last looked at */
    struct ftun_actions actions;
    uint8_t *packet; /* the last one given, rewritten */
};

/* Memory for playing `role`. False when there is none. */
bool ftun_actor_create(struct ftun_actor *actor, enum ftun_role role);

/* Play `end` from the start; its family NONE: the end that the first SYN goes to (server) or comes
 * from (client). */
void ftun_actor_start(struct ftun_actor *actor, const struct ftun_socket_address *end,
                      struct ftun_summary *summary, FILE *events);

void ftun_actor_packet(struct ftun_actor *actor, struct ftun_intake_packet *packet);

void ftun_actor_free(struct ftun_actor *actor);

#endif
