#include "deadlines.h"
#include "prove.h"

#define FLOWS 6u

static struct ftun_deadline heap[FLOWS];
static uint32_t position[FLOWS];

/* Of ftun_deadlines_valid() only that numbers are those of flows and entries: whatever the order
 * of the heap. */
static struct ftun_deadlines any_deadlines(uint32_t count)
{
    //@ loop unroll FLOWS;
    for (uint32_t i = 0; i < FLOWS; i++) {
        heap[i].at_ns = any_u64();
        heap[i].flow = (uint32_t)any_size(0, FLOWS - 1);
        position[i] = FTUN_NO_DEADLINE;
        if (count > 0 && any_bool())
            position[i] = (uint32_t)any_size(0, count - 1);
    }
    return (struct ftun_deadlines){.heap = heap, .position = position, .count = count};
}

static void check(const struct ftun_deadlines *deadlines)
{
    //@ assert deadlines->count <= FLOWS;
    //@ loop unroll FLOWS;
    for (uint32_t i = 0; i < FLOWS; i++) {
        //@ assert heap[i].flow < FLOWS;
    }
}

/* A flow without an entry, so that there is room for one. */
static void begin(uint32_t count)
{
    struct ftun_deadlines deadlines = any_deadlines(count);
    position[0] = FTUN_NO_DEADLINE;
    ftun_deadlines_set(&deadlines, 0, any_u64());
    check(&deadlines);
    deadlines = any_deadlines(count);
    position[0] = FTUN_NO_DEADLINE;
    ftun_deadlines_advance(&deadlines, 0, any_u64());
    check(&deadlines);
    ftun_deadlines_valid(&deadlines, FLOWS);
}

static void change(uint32_t count)
{
    struct ftun_deadlines deadlines = any_deadlines(count);
    position[0] = (uint32_t)any_size(0, count - 1);
    ftun_deadlines_set(&deadlines, 0, any_u64());
    check(&deadlines);
    deadlines = any_deadlines(count);
    position[0] = (uint32_t)any_size(0, count - 1);
    ftun_deadlines_advance(&deadlines, 0, any_u64());
    check(&deadlines);
    deadlines = any_deadlines(count);
    ftun_deadlines_remove(&deadlines, (uint32_t)any_size(0, FLOWS - 1));
    check(&deadlines);
}

int main(void)
{
    //@ loop unroll FLOWS;
    for (uint32_t count = 0; count < FLOWS; count++)
        begin(count);
    //@ loop unroll FLOWS;
    for (uint32_t count = 1; count <= FLOWS; count++)
        change(count);
    return 0;
}
