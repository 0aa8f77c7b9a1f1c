#include "pending.h"
#include "prove.h"

#define SLOTS 4u
#define SLOT_SIZE 16u

static struct ftun_pending_slot slots[SLOTS];
static uint8_t bytes[SLOTS * SLOT_SIZE];

static uint32_t any_slot(void)
{
    return any_bool() ? (uint32_t)any_size(0, SLOTS - 1) : FTUN_NO_SLOT;
}

/* Of ftun_pending_pool_valid() only that numbers are those of slots: whatever the chains. */
static struct ftun_pending_pool any_pool(void)
{
    //@ loop unroll SLOTS;
    for (uint32_t i = 0; i < SLOTS; i++)
        slots[i] = (struct ftun_pending_slot){.next = any_slot(), .len = any_u32()};
    return (struct ftun_pending_pool){
        .slots = slots,
        .bytes = bytes,
        .slot_size = SLOT_SIZE,
        .slot_count = SLOTS,
        .free = any_slot(),
    };
}

static struct ftun_pending_queue any_queue(void)
{
    return (struct ftun_pending_queue){.first = any_slot(), .last = any_slot(), .count = any_u32()};
}

static void check_slot(uint32_t slot)
{
    //@ assert slot < SLOTS || slot == FTUN_NO_SLOT;
}

static void check(const struct ftun_pending_pool *pool, const struct ftun_pending_queue *queue)
{
    check_slot(pool->free);
    check_slot(queue->first);
    check_slot(queue->last);
    //@ loop unroll SLOTS;
    for (uint32_t i = 0; i < SLOTS; i++)
        check_slot(slots[i].next);
}

static void append_and_take(void)
{
    struct ftun_pending_pool pool = any_pool();
    struct ftun_pending_queue queue = any_queue();
    const size_t len = any_size(0, SIZE_MAX);
    uint8_t *room = ftun_pending_append(&pool, &queue, len);
    if (room != NULL)
        any_bytes(room, SLOT_SIZE);
    check(&pool, &queue);
    size_t taken;
    ftun_pending_take(&pool, &queue, &taken);
    check(&pool, &queue);
}

/* The predicates follow chains that they have not checked yet, so the chains are true ones. */
static void judge(uint32_t count)
{
    struct ftun_pending_pool pool = any_pool();
    struct ftun_pending_queue queue;
    ftun_pending_pool_init(&pool);
    ftun_pending_queue_init(&queue);
    ftun_pending_append(&pool, &queue, any_size(0, SLOT_SIZE));
    ftun_pending_append(&pool, &queue, SLOT_SIZE + 1);
    ftun_pending_append(&pool, &queue, any_size(0, SLOT_SIZE));
    check(&pool, &queue);
    queue.count = count;
    ftun_pending_pool_valid(&pool, count);
    ftun_pending_queue_valid(&pool, &queue);
}

int main(void)
{
    //@ loop unroll SLOTS + 2;
    for (uint32_t count = 0; count <= SLOTS + 1; count++)
        judge(count);
    append_and_take();
    struct ftun_pending_pool pool = any_pool();
    struct ftun_pending_queue queue = any_queue();
    ftun_pending_drop(&pool, &queue);
    check(&pool, &queue);
    return 0;
}
