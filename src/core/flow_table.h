/* The flows of an endpoint: a fixed arena, found by number, by tuple or by application; in the
 * order in which they were last heard; and counted by where they come from. */
#ifndef FTUN_CORE_FLOW_TABLE_H
#define FTUN_CORE_FLOW_TABLE_H

#include "connection.h"
#include "flow_total.h"
#include "pending.h"
#include "resume_token.h"
#include "siphash.h"
#include "source_table.h"

/* What a flow needs to go on over another connection. */
struct ftun_resumption {
    struct ftun_resume_value value; /* client: shown on this connection; server: the last kept */
    uint64_t ticket;                /* what the server calls the flow */
    uint64_t chain;                 /* client: number of the flow's chain; 0: none yet */
    uint8_t next;                   /* client: index of the value to show next */
};

struct ftun_flow {
    struct ftun_connection connection;
    struct ftun_tuple tuple;
    struct ftun_socket_address application; /* family NONE: not found by it (any more) */
    struct ftun_pending_queue pending;
    struct ftun_resumption resumption;
    uint64_t used_at;     /* ns: last datagram of the application, or to it */
    uint64_t dialed_at;   /* ns: client: when the connection was begun */
    uint64_t rival_after; /* ns: client: no rival before */
    uint32_t rival; /* client: the slot of a connection tried beside this one, or the flow that
                     * this one is tried for, which is not open then; FTUN_NO_FLOW */
    uint32_t next_by_tuple;
    uint32_t next_by_application;
    uint32_t next_in_turn; /* endpoint's list of flows with an ACK due */
    uint32_t older, newer; /* neighbours in the order in which flows were last heard */
    uint32_t source;       /* in table->sources, or FTUN_NO_SOURCE */
    bool in_turn;
    bool in_use;
    bool open;         /* the application's flow has not ended */
    bool announced;    /* the caller has been told of it */
    bool detached;     /* server: its connection was reset; it may go on over another */
    bool dialects;     /* both dialects have been tried */
    bool lingers;      /* its connection is in TIME_WAIT, and counted */
    bool stranded;     /* client: no path has its connection's local address any more */
    uint8_t path;      /* client: by which it connects */
    uint8_t rivals;    /* tried so far */
    uint16_t failures; /* connections of this flow that failed one after another */
};

/* The arrays belong to the caller: `flows` has `capacity` entries, each bucket array
 * `bucket_count`, a power of two. */
struct ftun_flow_table {
    struct ftun_flow *flows;
    uint32_t *by_tuple;
    uint32_t *by_application;
    uint32_t capacity;
    uint32_t bucket_count;
    uint32_t begun;          /* flows from this one on have never been used, nor been written to */
    uint32_t count;          /* in use */
    uint32_t free;           /* first flow given back, chained by next_by_tuple */
    uint32_t oldest, newest; /* heard longest ago, and last; FTUN_NO_FLOW when there is none */
    struct ftun_source_table sources;
    struct ftun_hash_key key;
    struct ftun_flow_total
        *total; /* `capacity` is the limit of all tables that share it; or NULL */
};

/* Buckets for a table of this capacity. */
uint32_t ftun_flow_table_buckets(uint32_t capacity);

/* All flows are free. What they lie in is not touched before they are used: memory that comes from
 * the system as it is needed is not taken for flows that there may never be. */
void ftun_flow_table_init(struct ftun_flow_table *table);

/* True when no flow can be taken. */
bool ftun_flow_table_full(const struct ftun_flow_table *table);

/* Take a free flow, under no key and from no source yet, the newest. FTUN_NO_FLOW when there is
 * none. */
uint32_t ftun_flow_table_take(struct ftun_flow_table *table);

/* Give a flow back; it must be under no key. Its source has one less. */
void ftun_flow_table_give(struct ftun_flow_table *table, uint32_t flow);

/* A flow has been heard: it is the newest. */
void ftun_flow_table_heard(struct ftun_flow_table *table, uint32_t flow);

/* Find by tuple, put under flow->tuple, remove from there. */
uint32_t ftun_flow_table_find(const struct ftun_flow_table *table, const struct ftun_tuple *tuple);
void ftun_flow_table_link(struct ftun_flow_table *table, uint32_t flow);
void ftun_flow_table_unlink(struct ftun_flow_table *table, uint32_t flow);

/* The same by flow->application; unlinking one that is not linked does nothing. */
uint32_t ftun_flow_table_find_application(const struct ftun_flow_table *table,
                                          const struct ftun_socket_address *application);
void ftun_flow_table_link_application(struct ftun_flow_table *table, uint32_t flow);
void ftun_flow_table_unlink_application(struct ftun_flow_table *table, uint32_t flow);

/* True when the fields agree with each other: every flow is either free or found under its tuple,
 * and under its application if it has one; nothing else is found. All flows in use, and no others,
 * are in the order of their being heard. */
bool ftun_flow_table_valid(const struct ftun_flow_table *table);

#endif
