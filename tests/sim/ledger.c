#include "ledger.h"

#include "bytes.h"
#include "memory.h"
#include "random.h"

#include <stdlib.h>
#include <string.h>

enum { PAD = 64 * 1024 };

void sim_ledger_create(struct sim_ledger *ledger, struct sim_report *report)
{
    *ledger = (struct sim_ledger){.pad = sim_allocate(PAD), .report = report};
    struct sim_random random;
    sim_random_seed(&random, 0);
    for (size_t i = 0; i < PAD; i++)
        ledger->pad[i] = (uint8_t)sim_random_next(&random);
}

void sim_ledger_destroy(struct sim_ledger *ledger)
{
    for (size_t i = 0; i < ledger->capacity; i++)
        free(ledger->streams[i].entries);
    free(ledger->streams);
    free(ledger->pad);
}

void sim_ledger_clear(struct sim_ledger *ledger)
{
    ledger->count = 0;
}

uint32_t sim_ledger_begin(struct sim_ledger *ledger)
{
    if (ledger->count == ledger->capacity) {
        ledger->streams = sim_grow(ledger->streams, &ledger->capacity, sizeof *ledger->streams);
        memset(ledger->streams + ledger->count, 0,
               (ledger->capacity - ledger->count) * sizeof *ledger->streams);
    }
    struct sim_stream *stream = &ledger->streams[ledger->count];
    *stream = (struct sim_stream){.entries = stream->entries, .capacity = stream->capacity};
    return (uint32_t)ledger->count++;
}

/* The bytes behind the label. */
static const uint8_t *content(const struct sim_ledger *ledger, struct sim_label label)
{
    const uint32_t mixed = (label.stream * 2654435761u) ^ (label.number * 2246822519u);
    return ledger->pad + mixed % (PAD - SIM_DATAGRAM_MAX);
}

void sim_ledger_write(struct sim_ledger *ledger, uint32_t stream, uint8_t *out, size_t len)
{
    struct sim_stream *s = &ledger->streams[stream];
    const struct sim_label label = {.stream = stream, .number = (uint32_t)s->count};
    if (s->count == s->capacity)
        s->entries = sim_grow(s->entries, &s->capacity, sizeof *s->entries);
    s->entries[s->count++] = (struct sim_entry){.len = (uint16_t)len};
    ftun_store_be32(out, label.stream);
    ftun_store_be32(out + 4, label.number);
    memcpy(out + SIM_LABEL, content(ledger, label), len - SIM_LABEL);
}

/* The entry that a datagram's label names; NULL when no application wrote such a one. */
static struct sim_entry *find(struct sim_ledger *ledger, const uint8_t *datagram, size_t len,
                              struct sim_label *label)
{
    *label = (struct sim_label){.stream = SIM_NO_STREAM};
    if (SIM_LABEL > len)
        return NULL;
    const struct sim_label read = {ftun_load_be32(datagram), ftun_load_be32(datagram + 4)};
    if (read.stream >= ledger->count || read.number >= ledger->streams[read.stream].count)
        return NULL;
    *label = read;
    return &ledger->streams[read.stream].entries[read.number];
}

static bool unaltered(const struct sim_ledger *ledger, const struct sim_entry *entry,
                      struct sim_label label, const uint8_t *datagram, size_t len)
{
    return entry->len == len &&
           memcmp(datagram + SIM_LABEL, content(ledger, label), len - SIM_LABEL) == 0;
}

struct sim_label sim_ledger_emitted(struct sim_ledger *ledger, const uint8_t *datagram, size_t len)
{
    struct sim_label label;
    struct sim_entry *entry = find(ledger, datagram, len, &label);
    if (entry == NULL || !unaltered(ledger, entry, label, datagram, len)) {
        sim_violated(ledger->report, "an end sends a datagram that no application wrote so");
        return label;
    }
    struct sim_stream *stream = &ledger->streams[label.stream];
    if (entry->emitted++ > 0)
        sim_violated(ledger->report, "an end sends datagram %u of stream %u twice", label.number,
                     label.stream);
    else if (label.number < stream->emitted_up_to)
        sim_violated(ledger->report, "an end sends datagram %u of stream %u after a later one",
                     label.number, label.stream);
    stream->emitted_up_to = label.number + 1;
    return label;
}

void sim_ledger_handed(struct sim_ledger *ledger, struct sim_label label)
{
    if (label.stream != SIM_NO_STREAM)
        ledger->streams[label.stream].entries[label.number].handed++;
}

struct sim_label sim_ledger_delivered(struct sim_ledger *ledger, const uint8_t *datagram,
                                      size_t len, uint64_t birth)
{
    struct sim_label label;
    struct sim_entry *entry = find(ledger, datagram, len, &label);
    if (entry == NULL || entry->emitted == 0) {
        sim_violated(ledger->report, "a datagram is delivered that was not sent");
        return label;
    }
    if (!unaltered(ledger, entry, label, datagram, len)) {
        sim_violated(ledger->report, "datagram %u of stream %u is delivered altered", label.number,
                     label.stream);
        return label;
    }
    struct sim_stream *stream = &ledger->streams[label.stream];
    if (++entry->delivered > entry->handed)
        sim_violated(ledger->report,
                     "datagram %u of stream %u is delivered %u times, the network brought it %u",
                     label.number, label.stream, entry->delivered, entry->handed);
    const bool overtaken = birth <= stream->newest_birth;
    if (overtaken)
        return label;
    if (label.number < stream->delivered_up_to)
        sim_violated(ledger->report,
                     "datagram %u of stream %u is delivered after a later one that the network "
                     "brought later",
                     label.number, label.stream);
    stream->newest_birth = birth;
    stream->delivered_up_to = label.number + 1;
    return label;
}
