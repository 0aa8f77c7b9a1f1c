#ifndef LOAD_STAMP_H
#define LOAD_STAMP_H

#include <stddef.h>
#include <stdint.h>

/*
 * The stamp at the head of each datagram says which one it is, and thereby what its every other
 * byte must be. It is written in the byte order of the machine: both ends run on the same one.
 */

enum { STAMP_BYTES = 24 };

/** Whether a datagram is part of what is measured, or of what comes before it. */
enum stamp_purpose { STAMP_MEASURED, STAMP_WARM_UP };

struct stamp {
    uint32_t purpose; /* enum stamp_purpose, disguised; see stamp_purpose() */
    uint32_t flow;
    uint64_t sequence;
    uint32_t length; /* of the whole datagram */
    uint32_t check;  /* of the fields above */
};

_Static_assert(sizeof(struct stamp) == STAMP_BYTES, "the stamp has no padding");

/** What a look at a received datagram tells. */
enum stamp_verdict {
    STAMP_INTACT,
    STAMP_CUT,        /* shorter than it left */
    STAMP_MERGED,     /* longer than it left: it is right, but other bytes follow it */
    STAMP_CORRUPTED,  /* the stamp is right, the rest is not */
    STAMP_UNREADABLE, /* no stamp, or a damaged one */
};

/**
 * Draw a number to name flows by, the first of 65,536 in a row. Processes draw different ones, so
 * that one sink can serve several. Exits with a message when there are no random numbers.
 */
uint32_t stamp_draw_flow(void);

/** The stamp of datagram `sequence` of a flow, `length` bytes long with its stamp. */
struct stamp stamp_make(enum stamp_purpose purpose, uint32_t flow, uint64_t sequence,
                        uint32_t length);

/** What follows the stamp: at least `length` - STAMP_BYTES bytes, which stay valid. */
const uint8_t *stamp_body(const struct stamp *stamp);

/** Compare a received datagram with what it should be. Unless it is corrupted, `stamp` is its
 * stamp. */
enum stamp_verdict stamp_verify(const uint8_t *datagram, size_t length, struct stamp *stamp);

/** The purpose that the stamp names. */
enum stamp_purpose stamp_purpose(const struct stamp *stamp);

#endif
