#include "pending.h"

void ftun_pending_pool_init(struct ftun_pending_pool *pool)
{
    for (uint32_t i = 0; i < pool->slot_count; i++)
        pool->slots[i].next = i + 1 < pool->slot_count ? i + 1 : FTUN_NO_SLOT;
    pool->free = pool->slot_count > 0 ? 0 : FTUN_NO_SLOT;
}

void ftun_pending_queue_init(struct ftun_pending_queue *queue)
{
    *queue = (struct ftun_pending_queue){.first = FTUN_NO_SLOT, .last = FTUN_NO_SLOT};
}

uint8_t *ftun_pending_append(struct ftun_pending_pool *pool, struct ftun_pending_queue *queue,
                             size_t len)
{
    const uint32_t slot = pool->free;
    if (slot == FTUN_NO_SLOT || len > pool->slot_size)
        return NULL;
    pool->free = pool->slots[slot].next;
    pool->slots[slot] = (struct ftun_pending_slot){.next = FTUN_NO_SLOT, .len = (uint32_t)len};
    if (queue->last == FTUN_NO_SLOT)
        queue->first = slot;
    else
        pool->slots[queue->last].next = slot;
    queue->last = slot;
    queue->count++;
    return pool->bytes + slot * pool->slot_size;
}

const uint8_t *ftun_pending_take(struct ftun_pending_pool *pool, struct ftun_pending_queue *queue,
                                 size_t *len)
{
    const uint32_t slot = queue->first;
    if (slot == FTUN_NO_SLOT)
        return NULL;
    *len = pool->slots[slot].len;
    queue->first = pool->slots[slot].next;
    if (queue->first == FTUN_NO_SLOT)
        queue->last = FTUN_NO_SLOT;
    queue->count--;
    pool->slots[slot].next = pool->free;
    pool->free = slot;
    return pool->bytes + slot * pool->slot_size;
}

uint32_t ftun_pending_drop(struct ftun_pending_pool *pool, struct ftun_pending_queue *queue)
{
    uint32_t dropped = 0;
    size_t len;
    while (ftun_pending_take(pool, queue, &len) != NULL)
        dropped++;
    return dropped;
}

/* True when the chain from `first` on is `count` slots long; `last` receives its last slot. */
static bool chain(const struct ftun_pending_pool *pool, uint32_t first, uint32_t count,
                  uint32_t *last)
{
    uint32_t slot = first;
    *last = FTUN_NO_SLOT;
    for (uint32_t i = 0; i < count; i++) {
        if (slot >= pool->slot_count)
            return false;
        *last = slot;
        slot = pool->slots[slot].next;
    }
    return slot == FTUN_NO_SLOT;
}

bool ftun_pending_pool_valid(const struct ftun_pending_pool *pool, uint32_t queued)
{
    uint32_t last;
    return queued <= pool->slot_count && chain(pool, pool->free, pool->slot_count - queued, &last);
}

static bool is_free(const struct ftun_pending_pool *pool, uint32_t slot)
{
    uint32_t next = pool->free;
    for (uint32_t i = 0; i < pool->slot_count && next < pool->slot_count; i++) {
        if (next == slot)
            return true;
        next = pool->slots[next].next;
    }
    return false;
}

bool ftun_pending_queue_valid(const struct ftun_pending_pool *pool,
                              const struct ftun_pending_queue *queue)
{
    uint32_t last;
    if (queue->count > pool->slot_count || !chain(pool, queue->first, queue->count, &last))
        return false;
    uint32_t slot = queue->first;
    for (uint32_t i = 0; i < queue->count; i++) {
        if (pool->slots[slot].len > pool->slot_size)
            return false;
        slot = pool->slots[slot].next;
    }
    /* chains that meet end together: one look at the end is enough */
    return queue->last == last && (last == FTUN_NO_SLOT || !is_free(pool, last));
}
