#include "agenda.h"

#include "limits.h"
#include "memory.h"

#include <stdbool.h>

static bool earlier(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

void sim_agenda_add(struct sim_agenda *agenda, uint64_t at_ns, enum sim_event_kind kind,
                    uint32_t index, struct sim_packet *packet)
{
    if (agenda->count == agenda->capacity)
        agenda->heap = sim_grow(agenda->heap, &agenda->capacity, sizeof *agenda->heap);
    const struct sim_event event = {at_ns, agenda->order++, packet, index, kind};
    size_t at = agenda->count++;
    while (at > 0 && earlier(&event, &agenda->heap[(at - 1) / 2])) {
        agenda->heap[at] = agenda->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    agenda->heap[at] = event;
}

uint64_t sim_agenda_next(const struct sim_agenda *agenda)
{
    return agenda->count == 0 ? FTUN_NEVER : agenda->heap[0].at_ns;
}

struct sim_event sim_agenda_take(struct sim_agenda *agenda)
{
    const struct sim_event first = agenda->heap[0];
    const struct sim_event last = agenda->heap[--agenda->count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= agenda->count)
            break;
        if (child + 1 < agenda->count && earlier(&agenda->heap[child + 1], &agenda->heap[child]))
            child++;
        if (!earlier(&agenda->heap[child], &last))
            break;
        agenda->heap[at] = agenda->heap[child];
        at = child;
    }
    agenda->heap[at] = last;
    return first;
}
