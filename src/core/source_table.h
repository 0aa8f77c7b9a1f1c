/* Where flows come from, and how many from each: an IPv4 address, or an IPv6 network of 64 bits, in
 * which a host has all addresses (RFC 4291 2.5.1). Only sources that have a flow are kept, so there
 * are never more of them than flows. */
#ifndef FTUN_CORE_SOURCE_TABLE_H
#define FTUN_CORE_SOURCE_TABLE_H

#include "address.h"
#include "limits.h"
#include "siphash.h"

#define FTUN_NO_SOURCE UINT32_MAX

struct ftun_source {
    struct ftun_address network;
    uint32_t flows;
    uint32_t next; /* in its bucket, or free */
};

/* The arrays belong to the caller: `sources` has `capacity` entries, as many as there may be flows,
 * `buckets` a power of two. Without a limit nothing is counted, and there need be no arrays. */
struct ftun_source_table {
    struct ftun_source *sources;
    uint32_t *buckets;
    uint32_t capacity;
    uint32_t bucket_count;
    uint32_t free;
    uint32_t limit; /* flows a source; 0: none */
    struct ftun_hash_key key;
};

void ftun_source_table_init(struct ftun_source_table *table);

/* True when one more flow may come from this address. */
bool ftun_source_table_admits(const struct ftun_source_table *table,
                              const struct ftun_address *address);

/* Count one more flow. Returns its source, FTUN_NO_SOURCE without a limit. */
uint32_t ftun_source_table_enter(struct ftun_source_table *table,
                                 const struct ftun_address *address);

/* One flow of this source has ended; nothing for FTUN_NO_SOURCE. */
void ftun_source_table_leave(struct ftun_source_table *table, uint32_t source);

/* True when each source is found, or is free, and all together have `flows` flows. */
bool ftun_source_table_valid(const struct ftun_source_table *table, uint32_t flows);

#endif
