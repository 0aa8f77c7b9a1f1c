/* Deadlines of many flows: a binary heap of flow numbers, earliest first.
 *
 * Moving a deadline later costs nothing: the entry stays where it is and the caller, finding the
 * flow not due, sets it again. Only an earlier deadline moves its entry at once. So an idle flow
 * costs nothing per turn, and a busy one a heap step each time its old deadline passes. */
#ifndef FTUN_CORE_DEADLINES_H
#define FTUN_CORE_DEADLINES_H

#include <stdbool.h>
#include <stdint.h>

struct ftun_deadline {
    uint64_t at_ns;
    uint32_t flow;
};

/* `heap` has room for one entry a flow; `position[flow]` is where its entry stands, or
 * FTUN_NO_DEADLINE. Both belong to the caller. */
struct ftun_deadlines {
    struct ftun_deadline *heap;
    uint32_t *position;
    uint32_t count;
};

#define FTUN_NO_DEADLINE UINT32_MAX

/* Set a flow's deadline, whatever it was. */
void ftun_deadlines_set(struct ftun_deadlines *deadlines, uint32_t flow, uint64_t at_ns);

/* As above, but leave an entry that is earlier where it is. */
void ftun_deadlines_advance(struct ftun_deadlines *deadlines, uint32_t flow, uint64_t at_ns);

/* Forget a flow's deadline, if it has one. */
void ftun_deadlines_remove(struct ftun_deadlines *deadlines, uint32_t flow);

/* True when the fields agree with each other, for flows below `flow_count`: no entry comes before
 * its parent, entries and positions point at each other. */
bool ftun_deadlines_valid(const struct ftun_deadlines *deadlines, uint32_t flow_count);

#endif
