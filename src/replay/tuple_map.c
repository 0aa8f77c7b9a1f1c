#include "tuple_map.h"

#include "tuple_hash.h"

#include <stdlib.h>

bool ftun_tuple_map_create(struct ftun_tuple_map *map, uint32_t capacity)
{
    *map = (struct ftun_tuple_map){
        .slots = calloc(capacity, sizeof *map->slots),
        .buckets = malloc(capacity * sizeof *map->buckets),
        .capacity = capacity,
    };
    if (map->slots == NULL || map->buckets == NULL) {
        ftun_tuple_map_free(map);
        return false;
    }
    for (uint32_t i = 0; i < capacity; i++)
        map->buckets[i] = FTUN_NO_TUPLE;
    return true;
}

void ftun_tuple_map_clear(struct ftun_tuple_map *map)
{
    for (uint32_t i = 0; i < map->capacity && map->slots[i].in_use; i++) { /* taken in order */
        map->buckets[map->slots[i].bucket] = FTUN_NO_TUPLE;
        map->slots[i] = (struct ftun_tuple_slot){0};
    }
    map->hand = 0;
    map->last = 0;
}

void ftun_tuple_map_free(struct ftun_tuple_map *map)
{
    free(map->slots);
    free(map->buckets);
    *map = (struct ftun_tuple_map){0};
}

/* The same on every machine, so that the same capture always gives the same answer. */
static uint32_t bucket_of(const struct ftun_tuple_map *map, const struct ftun_tuple *tuple)
{
    static const struct ftun_hash_key key;
    return (uint32_t)ftun_tuple_table_hash(&key, tuple) & (map->capacity - 1);
}

static bool holds(const struct ftun_tuple_map *map, uint32_t index, const struct ftun_tuple *tuple)
{
    return map->slots[index].linked && ftun_tuple_equal(&map->slots[index].tuple, tuple);
}

uint32_t ftun_tuple_map_find(struct ftun_tuple_map *map, const struct ftun_tuple *tuple)
{
    uint32_t index = map->last;
    if (!holds(map, index, tuple)) {
        index = map->buckets[bucket_of(map, tuple)];
        while (index != FTUN_NO_TUPLE && !holds(map, index, tuple))
            index = map->slots[index].next;
        if (index == FTUN_NO_TUPLE)
            return FTUN_NO_TUPLE;
        map->last = index;
    }
    map->slots[index].found = true;
    return index;
}

void ftun_tuple_map_unlink(struct ftun_tuple_map *map, uint32_t index)
{
    struct ftun_tuple_slot *slot = &map->slots[index];
    if (!slot->linked)
        return;
    uint32_t *at = &map->buckets[slot->bucket];
    while (*at != index)
        at = &map->slots[*at].next;
    *at = slot->next;
    slot->linked = false;
}

void ftun_tuple_map_pin(struct ftun_tuple_map *map, uint32_t index, bool pinned)
{
    map->slots[index].pinned = pinned;
}

/* Two rounds at most: the first takes the marks away. */
static uint32_t turn_hand(struct ftun_tuple_map *map)
{
    for (uint64_t i = 0; i < 2 * (uint64_t)map->capacity; i++) {
        const uint32_t index = map->hand;
        struct ftun_tuple_slot *slot = &map->slots[index];
        map->hand = (map->hand + 1) & (map->capacity - 1);
        if (!slot->in_use)
            return index;
        if (!slot->pinned && !(slot->linked && slot->found))
            return index;
        slot->found = false;
    }
    return FTUN_NO_TUPLE;
}

uint32_t ftun_tuple_map_add(struct ftun_tuple_map *map, const struct ftun_tuple *tuple,
                            bool *yielded)
{
    const uint32_t index = turn_hand(map);
    if (index == FTUN_NO_TUPLE)
        return FTUN_NO_TUPLE;
    struct ftun_tuple_slot *slot = &map->slots[index];
    *yielded = slot->in_use;
    ftun_tuple_map_unlink(map, index);
    slot->tuple = *tuple;
    slot->bucket = bucket_of(map, tuple);
    slot->next = map->buckets[slot->bucket];
    map->buckets[slot->bucket] = index;
    slot->in_use = true;
    slot->linked = true;
    slot->found = false;
    slot->pinned = false;
    return index;
}
