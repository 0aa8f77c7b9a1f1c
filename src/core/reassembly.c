#include "reassembly.h"

#include <string.h>

/* The header that a whole packet gets stands right before its payload. */
#define HEADER_ROOM FTUN_IPV6_HEADER

_Static_assert(FTUN_IPV4_HEADER_MIN <= HEADER_ROOM, "either header fits");

enum { FRAGMENT_UNIT = 8 /* bytes: RFC 791 3.1, RFC 8200 4.5 */ };

void ftun_reassembly_init(struct ftun_reassembly *reassembly)
{
    for (uint32_t i = 0; i < reassembly->slot_count; i++)
        reassembly->slots[i].in_use = false;
}

/* --- validity ----------------------------------------------------------------------------- */

static bool parts_valid(const struct ftun_reassembly_slot *slot)
{
    size_t received = 0;
    for (size_t i = 0; i < slot->part_count; i++) {
        const struct ftun_reassembly_part part = slot->parts[i];
        if (part.start >= part.end || (i > 0 && part.start < slot->parts[i - 1].end))
            return false;
        received += (size_t)part.end - part.start;
    }
    return received == slot->received;
}

static bool slot_valid(const struct ftun_reassembly_slot *slot)
{
    if (!slot->in_use)
        return true;
    if (slot->abandoned)
        return slot->part_count == 0;
    if (slot->part_count == 0 || slot->part_count > FTUN_REASSEMBLY_FRAGMENTS_MAX)
        return false;
    const uint16_t end = slot->parts[slot->part_count - 1].end;
    return end + HEADER_ROOM <= FTUN_IP_PACKET_MAX && (slot->total == 0 || end <= slot->total) &&
           (slot->total == 0 || slot->received < slot->total) && parts_valid(slot);
}

bool ftun_reassembly_valid(const struct ftun_reassembly *reassembly)
{
    for (uint32_t i = 0; i < reassembly->slot_count; i++)
        if (!slot_valid(&reassembly->slots[i]))
            return false;
    return true;
}

/* --- a fragment by itself ----------------------------------------------------------------- */

static enum ftun_refusal check_fragment(const struct ftun_ip_header *ip, const uint8_t *payload)
{
    if (ip->protocol != FTUN_PROTOCOL_TCP)
        return FTUN_REFUSED_UNSUPPORTED_FRAGMENT;
    if (ip->payload_len == 0 ||
        ip->fragment_offset + ip->payload_len + HEADER_ROOM > FTUN_IP_PACKET_MAX ||
        (ip->more_fragments && ip->payload_len % FRAGMENT_UNIT != 0))
        return FTUN_REFUSED_MALFORMED_FRAGMENT;
    if (ip->fragment_offset != 0)
        return ip->fragment_offset < FTUN_TCP_HEADER_MIN ? FTUN_REFUSED_TINY_FRAGMENT : FTUN_TAKEN;
    if (FTUN_TCP_HEADER_MIN > ip->payload_len)
        return FTUN_REFUSED_TINY_FRAGMENT;
    const size_t header_len = (size_t)(payload[12] >> 4) * 4; /* RFC 9293 3.1: data offset */
    return header_len > ip->payload_len ? FTUN_REFUSED_TINY_FRAGMENT : FTUN_TAKEN;
}

/* --- slots -------------------------------------------------------------------------------- */

static size_t expire(struct ftun_reassembly *reassembly, uint64_t now_ns)
{
    size_t timed_out = 0;
    for (uint32_t i = 0; i < reassembly->slot_count; i++) {
        struct ftun_reassembly_slot *slot = &reassembly->slots[i];
        if (!slot->in_use || now_ns < slot->abandon_at_ns)
            continue;
        slot->in_use = false;
        if (!slot->abandoned) /* those have been counted */
            timed_out++;
    }
    return timed_out;
}

/* RFC 791 3.2, RFC 8200 4.5: addresses, identification, and for IPv4 the protocol, which is TCP. */
static bool same_packet(const struct ftun_ip_header *a, const struct ftun_ip_header *b)
{
    return a->id == b->id && ftun_address_equal(&a->source, &b->source) &&
           ftun_address_equal(&a->destination, &b->destination);
}

static struct ftun_reassembly_slot *find(const struct ftun_reassembly *reassembly,
                                         const struct ftun_ip_header *ip)
{
    for (uint32_t i = 0; i < reassembly->slot_count; i++) {
        struct ftun_reassembly_slot *slot = &reassembly->slots[i];
        if (slot->in_use && same_packet(&slot->ip, ip))
            return slot;
    }
    return NULL;
}

/* A free slot, or the one that has waited longest. */
static struct ftun_reassembly_slot *choose(const struct ftun_reassembly *reassembly)
{
    struct ftun_reassembly_slot *chosen = &reassembly->slots[0];
    for (uint32_t i = 0; i < reassembly->slot_count; i++) {
        struct ftun_reassembly_slot *slot = &reassembly->slots[i];
        if (!slot->in_use)
            return slot;
        if (slot->abandon_at_ns < chosen->abandon_at_ns)
            chosen = slot;
    }
    return chosen;
}

static struct ftun_reassembly_slot *begin(const struct ftun_reassembly *reassembly, uint64_t now_ns,
                                          const struct ftun_ip_header *ip,
                                          struct ftun_reassembled *out)
{
    struct ftun_reassembly_slot *slot = choose(reassembly);
    if (slot->in_use && !slot->abandoned)
        out->evicted = 1;
    slot->ip = *ip;
    slot->abandon_at_ns = now_ns + FTUN_REASSEMBLY_TIMEOUT;
    slot->total = 0;
    slot->received = 0;
    slot->part_count = 0;
    slot->in_use = true;
    slot->abandoned = false;
    return slot;
}

static enum ftun_refusal abandon(struct ftun_reassembly_slot *slot, enum ftun_refusal refusal)
{
    slot->abandoned = true;
    slot->part_count = 0;
    return refusal;
}

/* --- a fragment among the others ---------------------------------------------------------- */

/* How many parts end before `start` or at it: where a part from there on belongs. */
static size_t place_of(const struct ftun_reassembly_slot *slot, uint16_t start)
{
    size_t place = 0;
    while (place < slot->part_count && slot->parts[place].end <= start)
        place++;
    return place;
}

static uint8_t *payload_at(struct ftun_reassembly_slot *slot, uint16_t offset)
{
    return slot->bytes + HEADER_ROOM + offset;
}

/* RFC 8200 4.5: an exact copy may be a duplicate by the network, and is dropped alone. */
static bool is_copy(struct ftun_reassembly_slot *slot, size_t place,
                    struct ftun_reassembly_part part, const uint8_t *payload)
{
    return place < slot->part_count && slot->parts[place].start == part.start &&
           slot->parts[place].end == part.end &&
           memcmp(payload_at(slot, part.start), payload, (size_t)part.end - part.start) == 0;
}

/* Whether the end of the packet, as far as it is known, agrees with this part. */
static bool agrees_with_end(const struct ftun_reassembly_slot *slot,
                            struct ftun_reassembly_part part, bool last)
{
    if (slot->total != 0)
        return last ? part.end == slot->total : part.end <= slot->total;
    return !last || slot->part_count == 0 || slot->parts[slot->part_count - 1].end <= part.end;
}

static void insert(struct ftun_reassembly_slot *slot, size_t place,
                   struct ftun_reassembly_part part, const uint8_t *payload)
{
    for (size_t i = slot->part_count; i > place; i--) {
        const struct ftun_reassembly_part moved = slot->parts[i - 1];
        slot->parts[i] = moved;
    }
    slot->parts[place] = part;
    slot->part_count++;
    const size_t len = (size_t)part.end - part.start;
    memcpy(payload_at(slot, part.start), payload, len);
    slot->received = (uint16_t)(slot->received + len);
}

static enum ftun_refusal add(struct ftun_reassembly_slot *slot, const struct ftun_ip_header *ip,
                             const uint8_t *payload)
{
    const struct ftun_reassembly_part part = {
        .start = ip->fragment_offset,
        .end = (uint16_t)(ip->fragment_offset + ip->payload_len),
    };
    const size_t place = place_of(slot, part.start);
    if (is_copy(slot, place, part, payload))
        return FTUN_REFUSED_FRAGMENT_DUPLICATE;
    if (place < slot->part_count && slot->parts[place].start < part.end)
        return abandon(slot, FTUN_REFUSED_FRAGMENT_OVERLAP);
    if (!agrees_with_end(slot, part, !ip->more_fragments))
        return abandon(slot, FTUN_REFUSED_MALFORMED_FRAGMENT);
    if (slot->part_count == FTUN_REASSEMBLY_FRAGMENTS_MAX)
        return abandon(slot, FTUN_REFUSED_FRAGMENT_LIMIT);
    insert(slot, place, part, payload);
    if (!ip->more_fragments)
        slot->total = part.end;
    return FTUN_TAKEN;
}

/* The whole gets a plain header: options and extension headers have done their work. */
static void complete(struct ftun_reassembly_slot *slot, struct ftun_reassembled *out)
{
    struct ftun_ip_header ip = slot->ip;
    ip.dont_fragment = false;
    ip.payload_len = slot->total;
    const size_t header_len = ftun_ip_header_len((enum ftun_family)ip.source.family);
    uint8_t *const packet = slot->bytes + HEADER_ROOM - header_len;
    ftun_ip_emit(&ip, packet);
    out->packet = packet;
    out->len = header_len + slot->total;
    slot->in_use = false;
}

enum ftun_refusal ftun_reassembly_fragment(struct ftun_reassembly *reassembly, uint64_t now_ns,
                                           const struct ftun_ip_header *ip, const uint8_t *payload,
                                           struct ftun_reassembled *out)
{
    *out = (struct ftun_reassembled){.timed_out = expire(reassembly, now_ns)};
    if (reassembly->slot_count == 0)
        return FTUN_REFUSED_UNSUPPORTED_FRAGMENT;
    enum ftun_refusal refusal = check_fragment(ip, payload);
    if (refusal != FTUN_TAKEN)
        return refusal;
    struct ftun_reassembly_slot *slot = find(reassembly, ip);
    if (slot == NULL)
        slot = begin(reassembly, now_ns, ip, out);
    if (slot->abandoned)
        return FTUN_REFUSED_FRAGMENT_ABANDONED;
    refusal = add(slot, ip, payload);
    if (refusal == FTUN_TAKEN && slot->total != 0 && slot->received == slot->total)
        complete(slot, out);
    return refusal;
}
