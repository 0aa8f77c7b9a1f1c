#include "visited.h"

#include "memory.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 1 << 16 };

static struct visited_entry *find(const struct visited *visited, uint64_t digest)
{
    size_t at = digest & (visited->capacity - 1);
    while (visited->entries[at].digest != 0 && visited->entries[at].digest != digest)
        at = (at + 1) & (visited->capacity - 1);
    return &visited->entries[at];
}

static void grow(struct visited *visited)
{
    const struct visited old = *visited;
    visited->capacity = old.capacity == 0 ? FIRST_CAPACITY : 2 * old.capacity;
    visited->entries = sim_allocate(visited->capacity * sizeof *visited->entries);
    for (size_t i = 0; i < old.capacity; i++)
        if (old.entries[i].digest != 0)
            *find(visited, old.entries[i].digest) = old.entries[i];
    free(old.entries);
}

enum visited_news visited_note(struct visited *visited, uint64_t digest, uint64_t depth)
{
    if (4 * (visited->count + 1) > 3 * visited->capacity)
        grow(visited);
    digest += digest == 0;
    struct visited_entry *entry = find(visited, digest);
    if (entry->digest == digest) {
        if (entry->depth >= depth)
            return VISITED_OLD;
        entry->depth = depth;
        return VISITED_DEEPER;
    }
    *entry = (struct visited_entry){.digest = digest, .depth = depth};
    visited->count++;
    return VISITED_NEW;
}

void visited_free(struct visited *visited)
{
    free(visited->entries);
    *visited = (struct visited){0};
}
