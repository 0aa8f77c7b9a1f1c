#ifndef LOAD_JUDGE_H
#define LOAD_JUDGE_H

#include "script.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What may befall a datagram. */
enum fault {
    FAULT_NONE,
    FAULT_CORRUPTED,  /* other bytes than in the script */
    FAULT_MERGED,     /* followed by the bytes of others in the same datagram */
    FAULT_CUT,        /* only its beginning came */
    FAULT_REORDERED,  /* came after a later one */
    FAULT_DUPLICATED, /* came again */
    FAULT_LOST,       /* did not come */
    FAULT_STRAY,      /* came from a source, or to a flow, that it does not belong to */
    FAULT_KINDS,
};

/** Gaps that are remembered, to tell a late datagram from a lost one. */
enum { JUDGE_GAPS = 64 };

/** How far one flow in one direction has come. All zero at the start. */
struct listening {
    uint64_t next;             /* the index that should come now */
    uint64_t gaps[JUDGE_GAPS]; /* the latest indexes passed over, and one; 0 for none */
    unsigned gap_count;
};

struct judgement {
    enum fault fault;
    uint64_t index;  /* of the datagram that the fault befell */
    size_t expected; /* the length of the datagram that should have come */
    uint64_t lost;   /* datagrams passed over by this one: lost, unless they come later */
};

/** The word for a fault. */
const char *fault_name(enum fault fault);

/**
 * Compare what came with what should have, and move on. Whether there is a fault is exact, by
 * length, content and order. Which fault it is, and in very short datagrams to which index it
 * belongs, is the likeliest reading.
 */
struct judgement judge(struct listening *listening, const struct script *script,
                       enum direction direction, uint32_t flow, const uint8_t *data, size_t length);

/**
 * Does what came belong to that flow, near where it is now? Always false for datagrams too short to
 * tell.
 */
bool judge_recognize(const struct listening *listening, const struct script *script,
                     enum direction direction, uint32_t flow, const uint8_t *data, size_t length);

/** The datagram just judged corrupted was another flow's: what should have come is still due. */
void judge_take_back(struct listening *listening);

#endif
