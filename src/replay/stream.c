#include "stream.h"

#include "sequence.h"

#include <string.h>

void ftun_stream_begin(struct ftun_stream *stream, uint32_t first)
{
    stream->next = first;
    stream->begun = true;
    stream->gap_count = 0;
}

static uint64_t missing(const struct ftun_stream_gap *gap)
{
    return gap->end - gap->start;
}

static void remove_gap(struct ftun_stream *stream, size_t i)
{
    stream->gap_count--;
    memmove(&stream->gaps[i], &stream->gaps[i + 1],
            (stream->gap_count - i) * sizeof stream->gaps[0]);
}

static void add_gap(struct ftun_stream *stream, uint32_t start, uint32_t end)
{
    if (stream->gap_count == FTUN_STREAM_GAPS) {
        stream->lost_gaps++;
        stream->lost_bytes += missing(&stream->gaps[0]);
        remove_gap(stream, 0);
    }
    stream->gaps[stream->gap_count++] = (struct ftun_stream_gap){start, end};
}

/* Take what the segment fills out of one gap; what is left of it may be none, one or two. */
static void fill_gap(struct ftun_stream *stream, size_t i, uint32_t start, uint32_t end)
{
    const struct ftun_stream_gap gap = stream->gaps[i];
    remove_gap(stream, i);
    if (ftun_seq_before(gap.start, start))
        add_gap(stream, gap.start, start);
    if (ftun_seq_before(end, gap.end))
        add_gap(stream, end, gap.end);
}

static bool overlaps(const struct ftun_stream_gap *gap, uint32_t start, uint32_t end)
{
    return ftun_seq_before(start, gap->end) && ftun_seq_before(gap->start, end);
}

/* True when the segment lay in a gap, at least in part. What is left of a gap stands at the end of
 * the list and does not overlap any more. */
static bool fill_gaps(struct ftun_stream *stream, uint32_t start, uint32_t end)
{
    bool filled = false;
    size_t i = 0;
    while (i < stream->gap_count) {
        if (overlaps(&stream->gaps[i], start, end)) {
            fill_gap(stream, i, start, end);
            filled = true;
        } else {
            i++;
        }
    }
    return filled;
}

enum ftun_arrival ftun_stream_note(struct ftun_stream *stream, uint32_t sequence, size_t len)
{
    const uint32_t end = sequence + (uint32_t)len;
    stream->datagrams++;
    stream->bytes += len;
    if (!stream->begun)
        ftun_stream_begin(stream, sequence);
    const uint32_t expected = stream->next;
    if (ftun_seq_after(end, expected))
        stream->next = end;
    if (sequence == expected)
        return FTUN_ARRIVED_IN_ORDER;
    if (ftun_seq_after(sequence, expected)) {
        add_gap(stream, expected, sequence);
        return FTUN_ARRIVED_AFTER_GAP;
    }
    if (fill_gaps(stream, sequence, end)) {
        stream->late++;
        return FTUN_ARRIVED_LATE;
    }
    stream->repeated++;
    return FTUN_ARRIVED_AGAIN;
}

void ftun_stream_discount(struct ftun_stream *stream, size_t len)
{
    stream->datagrams--;
    stream->bytes -= len;
}

uint64_t ftun_stream_lost_gaps(const struct ftun_stream *stream)
{
    return stream->lost_gaps + stream->gap_count;
}

uint64_t ftun_stream_lost_bytes(const struct ftun_stream *stream)
{
    uint64_t bytes = stream->lost_bytes;
    for (size_t i = 0; i < stream->gap_count; i++)
        bytes += missing(&stream->gaps[i]);
    return bytes;
}
