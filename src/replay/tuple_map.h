/* Tuples to indices of the caller's own arrays: a fixed number, whatever a capture holds. When all
 * are taken, one yields: the first in turn that has not been found again since the last round
 * (CLOCK, Corbato 1968), which the ended and the silent are. */
#ifndef FTUN_REPLAY_TUPLE_MAP_H
#define FTUN_REPLAY_TUPLE_MAP_H

#include "address.h"

#include <stddef.h>

#define FTUN_NO_TUPLE UINT32_MAX

struct ftun_tuple_slot {
    struct ftun_tuple tuple;
    uint32_t next; /* in the chain of its bucket */
    uint32_t bucket;
    bool in_use;
    bool linked; /* can be found */
    bool found;  /* since the hand has passed */
    bool pinned; /* never yields */
};

struct ftun_tuple_map {
    struct ftun_tuple_slot *slots; /* `capacity` of them */
    uint32_t *buckets;             /* `capacity` of them, a power of two */
    uint32_t capacity;
    uint32_t hand;
    uint32_t last; /* found: captures dwell on one flow */
};

/* Make a map for `capacity` tuples, a power of two. False without memory. */
bool ftun_tuple_map_create(struct ftun_tuple_map *map, uint32_t capacity);

/* Forget all. */
void ftun_tuple_map_clear(struct ftun_tuple_map *map);

void ftun_tuple_map_free(struct ftun_tuple_map *map);

/* The index of a tuple; FTUN_NO_TUPLE. */
uint32_t ftun_tuple_map_find(struct ftun_tuple_map *map, const struct ftun_tuple *tuple);

/* A place for a tuple that is not in the map. `*yielded`: the index was in use, and what it was
 * used for ends now. FTUN_NO_TUPLE when all are pinned. */
uint32_t ftun_tuple_map_add(struct ftun_tuple_map *map, const struct ftun_tuple *tuple,
                            bool *yielded);

/* The tuple is not found any more; the index stays in use until it yields. */
void ftun_tuple_map_unlink(struct ftun_tuple_map *map, uint32_t index);

/* While pinned, an index does not yield. */
void ftun_tuple_map_pin(struct ftun_tuple_map *map, uint32_t index, bool pinned);

#endif
