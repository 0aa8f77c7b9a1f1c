/* Inputs that are streams (fuzz_stream.h): records are changed, repeated, removed and exchanged as
 * wholes, so that a change to one leaves the others what they were. */
#include "bytes.h"
#include "fuzz_stream.h"
#include "mutate.h"

enum { RECORDS_MAX = 512 };

/* Where the records begin; the last entry is the end of the stream. */
struct outline {
    size_t at[RECORDS_MAX + 1];
    size_t count;
};

static void read_outline(const uint8_t *data, size_t len, struct outline *outline)
{
    struct fuzz_input input = {.data = data, .len = len, .off = FUZZ_STREAM_HEADER};
    struct fuzz_record record;
    outline->count = 0;
    outline->at[0] = input.off;
    while (outline->count < RECORDS_MAX && fuzz_record_next(&input, &record))
        outline->at[++outline->count] = input.off;
}

/* Replace the bytes from `start` up to `end` by `room` others, not yet written. False when there
 * is no room for them. */
static bool resize(uint8_t *data, size_t *len, size_t max, size_t start, size_t end, size_t room)
{
    const size_t rest = *len - end;
    if (start + room + rest > max)
        return false;
    memmove(data + start + room, data + end, rest);
    *len = start + room + rest;
    return true;
}

/* Change what a record holds, in a copy, and put it back with the length it has now. */
static size_t change_content(uint8_t *data, size_t len, size_t max, size_t start, size_t end,
                             struct fuzz_random *random)
{
    enum { CONTENT_MAX = UINT16_MAX };
    static uint8_t content[CONTENT_MAX];
    const size_t first = start + FUZZ_RECORD_HEADER;
    if (first > end)
        return len;
    const size_t room = max - len + (end - first);
    memcpy(content, data + first, end - first);
    const size_t mutated =
        fuzz_mutate_bytes(content, end - first, room < CONTENT_MAX ? room : CONTENT_MAX, random);
    if (data[start] == FUZZ_RECORD_PACKET)
        fuzz_repair_packet(content, mutated, random);
    if (!resize(data, &len, max, first, end, mutated))
        return len;
    memcpy(data + first, content, mutated);
    ftun_store_be16(data + first - 2, (uint16_t)mutated);
    return len;
}

/* Insert a copy of the record at `start` before the one at `target`. */
static size_t repeat(uint8_t *data, size_t len, size_t max, size_t start, size_t end, size_t target)
{
    static uint8_t record[FUZZ_RECORD_HEADER + UINT16_MAX];
    memcpy(record, data + start, end - start);
    if (resize(data, &len, max, target, target, end - start))
        memcpy(data + target, record, end - start);
    return len;
}

static size_t insert_new(uint8_t *data, size_t len, size_t max, size_t target,
                         struct fuzz_random *random)
{
    if (!resize(data, &len, max, target, target, FUZZ_RECORD_HEADER))
        return len;
    data[target] = (uint8_t)fuzz_random(random, 16);
    data[target + 1] = (uint8_t)fuzz_random(random, 256);
    ftun_store_be16(data + target + 2, 0);
    return len;
}

size_t fuzz_mutate(uint8_t *data, size_t len, size_t max, struct fuzz_random *random)
{
    static struct outline outline;
    if (len < FUZZ_STREAM_HEADER || fuzz_random(random, 16) == 0)
        return fuzz_mutate_bytes(data, len, max, random);
    read_outline(data, len, &outline);
    const size_t target = outline.at[fuzz_random(random, (uint32_t)outline.count + 1)];
    if (outline.count == 0)
        return insert_new(data, len, max, target, random);
    const uint32_t chosen = fuzz_random(random, (uint32_t)outline.count);
    const size_t start = outline.at[chosen];
    const size_t end = outline.at[chosen + 1];
    switch (fuzz_random(random, 10)) {
    case 0:
        return insert_new(data, len, max, target, random);
    case 1:
        return repeat(data, len, max, start, end, target);
    case 2:
        resize(data, &len, max, start, end, 0);
        return len;
    case 3:
        data[start + fuzz_random(random, 2) % (end - start)] = (uint8_t)fuzz_random(random, 256);
        return len;
    case 4:
        data[0] = (uint8_t)fuzz_random(random, 256);
        return len;
    default:
        return change_content(data, len, max, start, end, random);
    }
}
