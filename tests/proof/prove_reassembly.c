#include "prove.h"
#include "reassembly.h"

#define EXACT_MAX 64u
#define PAYLOAD_MAX (FTUN_IP_PACKET_MAX - FTUN_IPV6_HEADER)
#define OFFSET_STEP 128u

/* One slot whose block ends with its bytes: Eva sees the ends of blocks, not of their members. */
#define SLOT_SIZE (offsetof(struct ftun_reassembly_slot, bytes) + FTUN_IP_PACKET_MAX)
static uint8_t memory[SLOT_SIZE];
static struct ftun_reassembly_slot *const slot = (struct ftun_reassembly_slot *)memory;
static struct ftun_reassembly_slot two_slots[2];
static uint8_t payload[PROVE_PACKET_MAX];

/* Of ftun_reassembly_valid() only what keeps accesses within their arrays: whatever the parts and
 * what has been received. The assertions below show that it stays so. */
static void any_slot(struct ftun_reassembly_slot *out, uint16_t least_parts, uint16_t most_parts)
{
    any_bytes(out, SLOT_SIZE);
    out->in_use = any_bool();
    out->abandoned = any_bool();
    out->part_count = Frama_C_unsigned_short_interval(least_parts, most_parts);
    out->total = Frama_C_unsigned_short_interval(0, PAYLOAD_MAX);
}

static struct ftun_ip_header any_fragment(void)
{
    struct ftun_ip_header ip;
    any_bytes(&ip, sizeof ip);
    ip.fragment = true;
    ip.more_fragments = any_bool();
    ip.dont_fragment = any_bool();
    return ip;
}

static void fragment_comes(const struct ftun_ip_header *ip, const uint8_t *bytes)
{
    struct ftun_reassembly reassembly = {.slots = slot, .slot_count = 1};
    struct ftun_reassembled out;
    ftun_reassembly_fragment(&reassembly, any_u64(), ip, bytes, &out);
    //@ assert slot->part_count <= FTUN_REASSEMBLY_FRAGMENTS_MAX;
    //@ assert slot->total <= PAYLOAD_MAX;
    //@ assert out.len <= FTUN_IP_PACKET_MAX;
}

/* A full slot by itself: that there is room for one more part can then be seen. */
static void in_any_state(const struct ftun_ip_header *ip, const uint8_t *bytes)
{
    any_slot(slot, 0, FTUN_REASSEMBLY_FRAGMENTS_MAX - 1);
    fragment_comes(ip, bytes);
    any_slot(slot, FTUN_REASSEMBLY_FRAGMENTS_MAX, FTUN_REASSEMBLY_FRAGMENTS_MAX);
    fragment_comes(ip, bytes);
}

static void fragment_of_length(size_t len, uint16_t offset)
{
    uint8_t block[EXACT_MAX];
    struct ftun_ip_header ip = any_fragment();
    ip.fragment_offset = offset;
    ip.payload_len = len;
    in_any_state(&ip, any_bytes_at_end(block, sizeof block, len));
}

static void fragment_at(uint16_t offset)
{
    struct ftun_ip_header ip = any_fragment();
    ip.fragment_offset = offset;
    ip.payload_len = any_size(0, sizeof payload);
    in_any_state(&ip, payload);
}

/* Two slots: which of them is found, yields or expires. */
static void fragment_among_two(void)
{
    uint8_t block[EXACT_MAX];
    any_bytes(block, sizeof block);
    struct ftun_ip_header ip = any_fragment();
    ip.fragment_offset = 64;
    ip.payload_len = sizeof block;
    any_slot(&two_slots[0], 0, FTUN_REASSEMBLY_FRAGMENTS_MAX - 1);
    any_slot(&two_slots[1], 0, FTUN_REASSEMBLY_FRAGMENTS_MAX - 1);
    struct ftun_reassembly reassembly = {.slots = two_slots, .slot_count = 2};
    struct ftun_reassembled out;
    ftun_reassembly_fragment(&reassembly, any_u64(), &ip, block, &out);
    ftun_reassembly_valid(&reassembly);
    ftun_reassembly_init(&reassembly);
    reassembly.slot_count = 0;
    ftun_reassembly_fragment(&reassembly, any_u64(), &ip, block, &out);
}

int main(void)
{
    //@ loop unroll EXACT_MAX + 1;
    for (size_t len = 0; len <= EXACT_MAX; len++) {
        fragment_of_length(len, 0);
        fragment_of_length(len, 64);
    }
    any_bytes(payload, sizeof payload);
    //@ loop unroll PAYLOAD_MAX / OFFSET_STEP + 1;
    for (uint32_t offset = 0; offset <= PAYLOAD_MAX; offset += OFFSET_STEP)
        fragment_at((uint16_t)offset);
    fragment_among_two();
    return 0;
}
