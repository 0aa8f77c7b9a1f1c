/* What a network does to packets on their way. Blocks are given back by free(). */
#ifndef FTUN_FUZZ_WIRE_H
#define FTUN_FUZZ_WIRE_H

#include "packet.h"

struct wire_packet {
    uint8_t *bytes;
    size_t len;
};

/* The fragment of `packet`, which has a plain IP header, that holds the bytes from `start` up to
 * `end` of its payload; `more`: it is not the last. `id` is that of all its fragments. */
struct wire_packet wire_fragment(const uint8_t *packet, uint32_t id, size_t start, size_t end,
                                 bool more);

/* A router's answer to the sender of `packet`: larger than `mtu`. It quotes the first `quoted`
 * bytes, the IP header among them. */
struct wire_packet wire_too_big(const uint8_t *packet, size_t quoted, uint16_t mtu);

/* The segment number `index` of a super-segment with payload pieces of `stride` bytes, as the
 * kernel cuts it: sequence number and id move on, FIN and PSH stay on the last. */
struct wire_packet wire_cut(const uint8_t *packet, size_t len, size_t stride, size_t index);

#endif
