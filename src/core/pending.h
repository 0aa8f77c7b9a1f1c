/* Datagrams that wait for a handshake: a fixed pool of slots, a queue in it for each flow. */
#ifndef FTUN_CORE_PENDING_H
#define FTUN_CORE_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FTUN_NO_SLOT UINT32_MAX

struct ftun_pending_slot {
    uint32_t next;
    uint32_t len; /* bytes used */
};

/* The arrays belong to the caller: `slots` has `slot_count` entries, `bytes` slot_count times
 * slot_size. */
struct ftun_pending_pool {
    struct ftun_pending_slot *slots;
    uint8_t *bytes;
    size_t slot_size; /* bytes */
    uint32_t slot_count;
    uint32_t free; /* first free slot */
};

struct ftun_pending_queue {
    uint32_t first, last;
    uint32_t count;
};

/* Chain all slots as free. */
void ftun_pending_pool_init(struct ftun_pending_pool *pool);

void ftun_pending_queue_init(struct ftun_pending_queue *queue);

/* Take a slot for a datagram of `len` bytes at the end of `queue`. Returns where its bytes go, or
 * NULL when the pool is empty or the datagram larger than a slot. */
uint8_t *ftun_pending_append(struct ftun_pending_pool *pool, struct ftun_pending_queue *queue,
                             size_t len);

/* Remove the first datagram. Returns its bytes and their number in `len`, or NULL when there is
 * none. The bytes stay valid until the next append to the pool. */
const uint8_t *ftun_pending_take(struct ftun_pending_pool *pool, struct ftun_pending_queue *queue,
                                 size_t *len);

/* Remove all; returns how many. */
uint32_t ftun_pending_drop(struct ftun_pending_pool *pool, struct ftun_pending_queue *queue);

/* True when the pool's free list holds all slots but `queued`, none twice. */
bool ftun_pending_pool_valid(const struct ftun_pending_pool *pool, uint32_t queued);

/* True when `queue` is a chain of as many slots of the pool as it says, none of them free. Two
 * valid queues share a slot only when they have the same last one. */
bool ftun_pending_queue_valid(const struct ftun_pending_pool *pool,
                              const struct ftun_pending_queue *queue);

#endif
