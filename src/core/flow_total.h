/* How many flows there are in all, where several endpoints share one limit. Counted when a flow
 * begins and when it ends, and at no other time: the one thing that workers have in common. */
#ifndef FTUN_CORE_FLOW_TOTAL_H
#define FTUN_CORE_FLOW_TOTAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ftun_flow_total {
    _Atomic uint32_t count;
};

/* True while there are fewer than `limit`; without a total, always. */
static inline bool ftun_flow_total_has_room(struct ftun_flow_total *total, uint32_t limit)
{
    return total == NULL || atomic_load_explicit(&total->count, memory_order_relaxed) < limit;
}

/* Count one more; false, and nothing counted, when there are `limit` already. */
static inline bool ftun_flow_total_enter(struct ftun_flow_total *total, uint32_t limit)
{
    if (total == NULL || atomic_fetch_add_explicit(&total->count, 1, memory_order_relaxed) < limit)
        return true;
    atomic_fetch_sub_explicit(&total->count, 1, memory_order_relaxed);
    return false;
}

static inline void ftun_flow_total_leave(struct ftun_flow_total *total)
{
    if (total != NULL)
        atomic_fetch_sub_explicit(&total->count, 1, memory_order_relaxed);
}

#endif
