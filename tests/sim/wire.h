/* Packets on the wire, and what kernels and routers do to them: cut, glue, fragment, alter. */
#ifndef FTUN_TESTS_SIM_WIRE_H
#define FTUN_TESTS_SIM_WIRE_H

#include "endpoint.h"
#include "ledger.h"
#include "random.h"
#include "scenario.h"

#define SIM_PACKET_MAX 2048u /* bytes: more than any MTU here */

struct sim_packet {
    struct sim_packet *next; /* in the pool */
    uint64_t birth;          /* ends' packets count up from 1 as they enter the network */
    struct sim_label label;  /* of the datagram in it */
    enum sim_side to;
    uint32_t len;
    bool corrupted; /* will be, when it arrives */
    bool vouched;   /* the receiver's kernel vouches for its checksum */
    bool fragment;
    bool beyond_nat; /* made between the NAT and its receiver */
    uint8_t bytes[SIM_PACKET_MAX];
};

/* Packets not in use; they grow in number as needed. */
struct sim_pool {
    struct sim_packet *free;
};

struct sim_packet *sim_pool_take(struct sim_pool *pool);
struct sim_packet *sim_pool_copy(struct sim_pool *pool, const struct sim_packet *packet);
void sim_pool_give(struct sim_pool *pool, struct sim_packet *packet);
void sim_pool_destroy(struct sim_pool *pool);

/* Write datagram `index` of a segment, which is perhaps a super-segment, as a packet of its own, as
 * a kernel's segmentation does: `payload` is the whole segment's, `stride` as in the action. */
void sim_wire_cut(const struct ftun_segment *segment, size_t stride, const uint8_t *payload,
                  size_t index, enum ftun_checksum_mode mode, struct sim_packet *out);

/* Where the second fragment of a packet is cut off: 0 when the packet is too short. */
size_t sim_wire_fragment_at(const struct sim_packet *packet, struct sim_random *random);

/* Make `packet`, whose payload of `payload_len` bytes stands behind the headers that
 * sim_wire_fragment_headers() counts, a fragment at `offset`, a multiple of 8 bytes. */
struct sim_fragment {
    struct ftun_address source, destination;
    uint8_t protocol;
    uint32_t id;
    size_t offset, payload_len; /* bytes */
    bool more;
};
size_t sim_wire_fragment_headers(enum ftun_family family);
void sim_wire_finish_fragment(struct sim_packet *packet, const struct sim_fragment *fragment);

/* Cut `packet` in two fragments `at` bytes of IP payload, a multiple of 8: it becomes the first. */
void sim_wire_fragment(struct sim_packet *packet, size_t at, uint32_t id,
                       struct sim_packet *second);

/* Make a segment a reset, whatever its checksum then says. */
void sim_wire_turn_into_reset(struct sim_packet *packet);

/* Alter one 16-bit word that a checksum covers, or cut the packet short. One word: the Internet
 * checksum does not see when two change by as much in opposite directions. */
void sim_wire_corrupt(struct sim_packet *packet, struct sim_random *random);

/* Write what the host of a dead end answers `packet` with: RFC 9293 3.10.7.1. False, and nothing
 * written, when it is no segment, or a reset. */
bool sim_wire_reset(const struct sim_packet *packet, struct sim_packet *out);

/* Write the ICMP error of a router whose next link has an MTU of `mtu` bytes, about `packet`. */
void sim_wire_too_big(const struct sim_packet *packet, uint16_t mtu, struct sim_packet *out);

/* Complete an IP packet of `protocol` whose payload of `payload_len` bytes already stands behind
 * the header: write header and transport checksum, at byte `checksum_off` of the payload. */
void sim_wire_finish(struct sim_packet *packet, const struct ftun_address *source,
                     const struct ftun_address *destination, uint8_t protocol, size_t payload_len,
                     size_t checksum_off);

#endif
