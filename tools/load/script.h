#ifndef LOAD_SCRIPT_H
#define LOAD_SCRIPT_H

#include "arguments.h"

#include <stddef.h>
#include <stdint.h>

/*
 * What the two ends of an exchange say to each other. Both know it beforehand: length and content
 * of each datagram follow from the seed, its direction, its flow and its index, so that even a
 * datagram of one byte, which has no room for a stamp, can be verified.
 */

enum direction {
    DIRECTION_FORTH, /* from the connecting end to the listening one */
    DIRECTION_BACK,
    DIRECTIONS,
};

struct script {
    uint64_t seed;
    struct size_range sizes;
};

/** One datagram; its content stays valid. */
struct line {
    const uint8_t *content;
    size_t length;
};

/** Datagram `index` of a flow in one direction. */
struct line script_line(const struct script *script, enum direction direction, uint32_t flow,
                        uint64_t index);

#endif
