#include "durations.h"

#include "fail.h"

#include <stdbool.h>
#include <stdlib.h>

enum { ROOM_AT_FIRST = 16384 };

struct durations {
    uint64_t *ns;
    size_t count;
    size_t room;
    bool sorted;
};

struct durations *durations_new(void)
{
    struct durations *durations = calloc(1, sizeof *durations);

    if (!durations)
        fail("out of memory for times");
    return durations;
}

void durations_free(struct durations *durations)
{
    if (!durations)
        return;
    free(durations->ns);
    free(durations);
}

static void grow(struct durations *durations)
{
    const size_t room = durations->room > 0 ? 2 * durations->room : ROOM_AT_FIRST;
    uint64_t *ns = reallocarray(durations->ns, room, sizeof *ns);

    if (!ns)
        fail("out of memory for %zu times", room);
    durations->ns = ns;
    durations->room = room;
}

void durations_note(struct durations *durations, uint64_t nanoseconds)
{
    if (durations->count == durations->room)
        grow(durations);
    durations->ns[durations->count++] = nanoseconds;
    durations->sorted = false;
}

void durations_clear(struct durations *durations)
{
    durations->count = 0;
}

size_t durations_count(const struct durations *durations)
{
    return durations->count;
}

static int compare(const void *left, const void *right)
{
    const uint64_t first = *(const uint64_t *)left;
    const uint64_t second = *(const uint64_t *)right;

    return (first > second) - (first < second);
}

double durations_percentile_us(struct durations *durations, size_t percent)
{
    const size_t rank = (durations->count * percent + 99) / 100;

    if (durations->count == 0)
        return 0;
    if (!durations->sorted)
        qsort(durations->ns, durations->count, sizeof durations->ns[0], compare);
    durations->sorted = true;
    return (double)durations->ns[rank - 1] / 1000;
}
