/* IP reassembly (RFC 791 3.2, RFC 8200 4.5) of fragmented TCP segments.
 *
 * Bounded in memory (a slot a packet, given once), in fragments a packet, and in time. Fragments
 * that overlap are never merged, not even for IPv4: the packet they belong to is abandoned with all
 * that may still come of it (RFC 5722). A first fragment without the whole TCP header is refused
 * (RFC 1858, RFC 7112). When all slots are taken, the packet that has waited longest yields: true
 * fragments arrive within microseconds of each other, a flood's never meet. */
#ifndef FTUN_CORE_REASSEMBLY_H
#define FTUN_CORE_REASSEMBLY_H

#include "ip.h"

/* Payload bytes from `start` up to `end` have arrived. */
struct ftun_reassembly_part {
    uint16_t start, end;
};

/* One packet under way. */
struct ftun_reassembly_slot {
    struct ftun_ip_header ip; /* of its first fragment to arrive: addresses and id are the key */
    uint64_t abandon_at_ns;
    uint16_t total;      /* payload bytes of the whole; 0: the last fragment has not come */
    uint16_t received;   /* payload bytes */
    uint16_t part_count; /* fragments received */
    bool in_use;
    bool abandoned; /* kept only to refuse the rest of it */
    struct ftun_reassembly_part parts[FTUN_REASSEMBLY_FRAGMENTS_MAX]; /* in order, apart */
    uint8_t bytes[FTUN_IP_PACKET_MAX]; /* payload behind room for the longest header */
};

/* The slots belong to the caller; with none, no fragment is taken. */
struct ftun_reassembly {
    struct ftun_reassembly_slot *slots;
    uint32_t slot_count;
};

/* What a fragment has led to. */
struct ftun_reassembled {
    const uint8_t *packet; /* whole, with a plain IP header; NULL: more fragments are needed */
    size_t len;            /* bytes */
    size_t timed_out;      /* packets given up since their rest never came */
    size_t evicted;        /* packets given up for this one, 0 or 1 */
};

/* Mark all slots free. */
void ftun_reassembly_init(struct ftun_reassembly *reassembly);

/* True when the fields agree with each other: for debug builds, fuzzers and proofs. */
bool ftun_reassembly_valid(const struct ftun_reassembly *reassembly);

/* A fragment has come: `ip` is its header, with `fragment` set, and `payload` its
 * ip->payload_len bytes, copied. FTUN_TAKEN, and then out->packet is either NULL or the packet that
 * this fragment has completed, valid until the next call; or FTUN_REFUSED_UNSUPPORTED_FRAGMENT (not
 * TCP), _MALFORMED_FRAGMENT, _TINY_FRAGMENT, _FRAGMENT_OVERLAP, _FRAGMENT_DUPLICATE,
 * _FRAGMENT_LIMIT. `out` counts either way. */
enum ftun_refusal ftun_reassembly_fragment(struct ftun_reassembly *reassembly, uint64_t now_ns,
                                           const struct ftun_ip_header *ip, const uint8_t *payload,
                                           struct ftun_reassembled *out);

#endif
