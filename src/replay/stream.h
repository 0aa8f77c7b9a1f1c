/* One direction of a connection as sequence numbers show it: what was lost, late or repeated
 * before the capture point. Bounded: of many gaps the oldest is given up as lost. */
#ifndef FTUN_REPLAY_STREAM_H
#define FTUN_REPLAY_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FTUN_STREAM_GAPS 8u

/* Sequence numbers from `start` up to `end` have not been seen. */
struct ftun_stream_gap {
    uint32_t start, end;
};

struct ftun_stream {
    uint64_t datagrams; /* segments with payload */
    uint64_t bytes;     /* of datagrams */
    uint64_t late;      /* segments that filled a gap */
    uint64_t repeated;  /* segments seen before */
    uint64_t lost_gaps; /* given up */
    uint64_t lost_bytes;
    uint32_t next; /* behind the furthest byte seen */
    bool begun;
    uint8_t gap_count;
    struct ftun_stream_gap gaps[FTUN_STREAM_GAPS]; /* oldest first */
};

enum ftun_arrival {
    FTUN_ARRIVED_IN_ORDER,
    FTUN_ARRIVED_AFTER_GAP,
    FTUN_ARRIVED_LATE,
    FTUN_ARRIVED_AGAIN
};

/* The first sequence number of the stream is known, from its SYN. */
void ftun_stream_begin(struct ftun_stream *stream, uint32_t first);

/* A segment with `len` bytes of payload, at least 1, has been sent. */
enum ftun_arrival ftun_stream_note(struct ftun_stream *stream, uint32_t sequence, size_t len);

/* The segment of the last note, with `len` bytes of payload, was no datagram. */
void ftun_stream_discount(struct ftun_stream *stream, size_t len);

/* Gaps that were never filled, and the bytes that they lack. */
uint64_t ftun_stream_lost_gaps(const struct ftun_stream *stream);
uint64_t ftun_stream_lost_bytes(const struct ftun_stream *stream);

#endif
