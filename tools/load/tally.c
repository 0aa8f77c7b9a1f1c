#include "tally.h"

#include "fail.h"
#include "pattern.h"

#include <stdlib.h>
#include <string.h>

/* Flows are found by open addressing in a table that is never more than half full. */
enum { SLOTS_AT_FIRST = 64, WORDS_AT_FIRST = 16, BITS_PER_WORD = 64 };

#define SEQUENCE_LIMIT (UINT64_C(1) << 33)

struct flow {
    bool taken;
    uint32_t name;
    uint64_t *seen;  /* a bit for each sequence number */
    uint64_t words;  /* of `seen` */
    uint64_t beyond; /* the highest sequence number seen, and one */
    uint64_t received;
    uint64_t duplicated;
    uint64_t reordered;
};

struct tally {
    struct flow *slots;
    size_t slot_count;
    size_t taken;
    struct flow *latest; /* most datagrams follow one of the same flow */
};

static void *allocate(size_t count, size_t size)
{
    void *room = calloc(count, size);

    if (!room)
        fail("out of memory for the tally of datagrams");
    return room;
}

struct tally *tally_new(void)
{
    struct tally *tally = allocate(1, sizeof *tally);

    tally->slot_count = SLOTS_AT_FIRST;
    tally->slots = allocate(tally->slot_count, sizeof *tally->slots);
    return tally;
}

void tally_free(struct tally *tally)
{
    for (size_t i = 0; i < tally->slot_count; i++)
        free(tally->slots[i].seen);
    free(tally->slots);
    free(tally);
}

static struct flow *slot_of(const struct tally *tally, uint32_t name)
{
    size_t at = (size_t)pattern_mix(name) & (tally->slot_count - 1);

    while (tally->slots[at].taken && tally->slots[at].name != name)
        at = (at + 1) & (tally->slot_count - 1);
    return &tally->slots[at];
}

static void grow_table(struct tally *tally)
{
    struct flow *old = tally->slots;
    const size_t old_count = tally->slot_count;

    tally->slot_count *= 2;
    tally->slots = allocate(tally->slot_count, sizeof *tally->slots);
    for (size_t i = 0; i < old_count; i++) {
        if (old[i].taken)
            *slot_of(tally, old[i].name) = old[i];
    }
    free(old);
}

static struct flow *take(struct tally *tally, uint32_t name)
{
    struct flow *flow;

    if (2 * (tally->taken + 1) > tally->slot_count)
        grow_table(tally);
    flow = slot_of(tally, name);
    flow->taken = true;
    flow->name = name;
    flow->words = WORDS_AT_FIRST;
    flow->seen = allocate(flow->words, sizeof *flow->seen);
    tally->taken++;
    return flow;
}

static struct flow *find(struct tally *tally, uint32_t name)
{
    struct flow *flow = tally->latest;

    if (flow && flow->name == name)
        return flow;
    flow = slot_of(tally, name);
    if (!flow->taken)
        flow = take(tally, name);
    tally->latest = flow;
    return flow;
}

static void make_room(struct flow *flow, uint64_t sequence)
{
    uint64_t words = flow->words;
    uint64_t *seen;

    while (sequence / BITS_PER_WORD >= words)
        words *= 2;
    if (words == flow->words)
        return;
    seen = allocate(words, sizeof *seen);
    memcpy(seen, flow->seen, flow->words * sizeof *seen);
    free(flow->seen);
    flow->seen = seen;
    flow->words = words;
}

static void note_first(struct flow *flow, uint64_t sequence)
{
    flow->received++;
    if (sequence < flow->beyond)
        flow->reordered++;
    else
        flow->beyond = sequence + 1;
}

bool tally_note(struct tally *tally, uint32_t name, uint64_t sequence)
{
    const uint64_t bit = UINT64_C(1) << sequence % BITS_PER_WORD;
    struct flow *flow;

    if (sequence >= SEQUENCE_LIMIT)
        return false;
    flow = find(tally, name);
    make_room(flow, sequence);
    if (flow->seen[sequence / BITS_PER_WORD] & bit)
        flow->duplicated++;
    else
        note_first(flow, sequence);
    flow->seen[sequence / BITS_PER_WORD] |= bit;
    return true;
}

struct tally_sum tally_sum(const struct tally *tally)
{
    struct tally_sum sum = {.flows = tally->taken};

    for (size_t i = 0; i < tally->slot_count; i++) {
        const struct flow *flow = &tally->slots[i];

        sum.received += flow->received;
        sum.lost += flow->beyond - flow->received;
        sum.duplicated += flow->duplicated;
        sum.reordered += flow->reordered;
    }
    return sum;
}
