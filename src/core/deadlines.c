#include "deadlines.h"

static void place(struct ftun_deadlines *d, uint32_t at, struct ftun_deadline entry)
{
    d->heap[at] = entry;
    d->position[entry.flow] = at;
}

static void sift_up(struct ftun_deadlines *d, uint32_t at, struct ftun_deadline entry)
{
    while (at > 0) {
        const uint32_t parent = (at - 1) / 2;
        if (d->heap[parent].at_ns <= entry.at_ns)
            break;
        place(d, at, d->heap[parent]);
        at = parent;
    }
    place(d, at, entry);
}

static void sift_down(struct ftun_deadlines *d, uint32_t at, struct ftun_deadline entry)
{
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= d->count)
            break;
        if (child + 1 < d->count && d->heap[child + 1].at_ns < d->heap[child].at_ns)
            child++;
        if (entry.at_ns <= d->heap[child].at_ns)
            break;
        place(d, at, d->heap[child]);
        at = child;
    }
    place(d, at, entry);
}

void ftun_deadlines_set(struct ftun_deadlines *d, uint32_t flow, uint64_t at_ns)
{
    const struct ftun_deadline entry = {.at_ns = at_ns, .flow = flow};
    const uint32_t at = d->position[flow];
    if (at == FTUN_NO_DEADLINE)
        sift_up(d, d->count++, entry);
    else if (at_ns < d->heap[at].at_ns)
        sift_up(d, at, entry);
    else
        sift_down(d, at, entry);
}

void ftun_deadlines_advance(struct ftun_deadlines *d, uint32_t flow, uint64_t at_ns)
{
    const uint32_t at = d->position[flow];
    if (at == FTUN_NO_DEADLINE || at_ns < d->heap[at].at_ns)
        ftun_deadlines_set(d, flow, at_ns);
}

void ftun_deadlines_remove(struct ftun_deadlines *d, uint32_t flow)
{
    const uint32_t at = d->position[flow];
    if (at == FTUN_NO_DEADLINE)
        return;
    d->position[flow] = FTUN_NO_DEADLINE;
    d->count--;
    if (at == d->count)
        return;
    const struct ftun_deadline last = d->heap[d->count];
    if (at > 0 && last.at_ns < d->heap[(at - 1) / 2].at_ns)
        sift_up(d, at, last);
    else
        sift_down(d, at, last);
}

static bool entry_valid(const struct ftun_deadlines *d, uint32_t at, uint32_t flow_count)
{
    const struct ftun_deadline *entry = &d->heap[at];
    return entry->flow < flow_count && d->position[entry->flow] == at &&
           (at == 0 || d->heap[(at - 1) / 2].at_ns <= entry->at_ns);
}

bool ftun_deadlines_valid(const struct ftun_deadlines *d, uint32_t flow_count)
{
    if (d->count > flow_count)
        return false;
    for (uint32_t at = 0; at < d->count; at++)
        if (!entry_valid(d, at, flow_count))
            return false;
    uint32_t placed = 0;
    for (uint32_t flow = 0; flow < flow_count; flow++)
        if (d->position[flow] != FTUN_NO_DEADLINE)
            placed++;
    return placed == d->count;
}
