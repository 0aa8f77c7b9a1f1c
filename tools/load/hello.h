#ifndef LOAD_HELLO_H
#define LOAD_HELLO_H

#include "script.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The datagram that introduces a flow, before the script begins: from its source address the
 * listening end learns where the flow's datagrams come from. The listening end answers with one of
 * its own.
 */

enum { HELLO_BYTES = 32 };

struct hello {
    uint64_t magic;
    uint64_t seed;
    uint32_t direction; /* enum direction */
    uint32_t flow;
    uint64_t check; /* of the fields above */
};

_Static_assert(sizeof(struct hello) == HELLO_BYTES, "a hello has no padding");

/** The hello of a flow. */
struct hello hello_make(uint64_t seed, enum direction direction, uint32_t flow);

/** Is this a hello of the exchange with that seed and direction? Then `flow` is the flow it names.
 */
bool hello_recognize(const uint8_t *data, size_t length, uint64_t seed, enum direction direction,
                     uint32_t *flow);

#endif
