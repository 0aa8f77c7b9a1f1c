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
