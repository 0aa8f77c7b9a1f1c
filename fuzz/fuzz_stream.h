/* The input of targets that take many packets: a byte of choices, then records, one after the
 * other.
 *
 *     kind, argument, length (2 bytes, big-endian), `length` bytes: what is left, if that is less
 *
 * The mutator (mutator/stream.c) knows this form too: it changes one record and leaves the others
 * where they are, and repairs those that are packets. */
#ifndef FTUN_FUZZ_STREAM_H
#define FTUN_FUZZ_STREAM_H

#include "fuzz_input.h"

/* Kinds that all streams share; others are a target's own. */
enum fuzz_record_kind {
    FUZZ_RECORD_TIME,   /* as much time passes as its argument says: fuzz_duration() */
    FUZZ_RECORD_PACKET, /* its bytes are an IP packet */
    FUZZ_RECORD_OWN     /* the first of the target's own */
};

struct fuzz_record {
    uint8_t kind, argument;
    size_t len; /* bytes */
    const uint8_t *data;
};

#define FUZZ_STREAM_HEADER 1u /* bytes */
#define FUZZ_RECORD_HEADER 4u

/* The next record; false at the end. A header that is cut has zeros for the rest. */
static inline bool fuzz_record_next(struct fuzz_input *input, struct fuzz_record *record)
{
    if (fuzz_is_empty(input))
        return false;
    record->kind = fuzz_u8(input);
    record->argument = fuzz_u8(input);
    const size_t wanted = fuzz_u16(input);
    record->data = fuzz_bytes(input, wanted, &record->len);
    return true;
}

/* How much time a number stands for, in ns: from none to 9 minutes, by powers of two. */
static inline uint64_t fuzz_duration(uint8_t number)
{
    return number % 40 == 0 ? 0 : UINT64_C(1) << (number % 40);
}

#endif
