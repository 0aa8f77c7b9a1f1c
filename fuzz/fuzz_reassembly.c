/* Fragments in any order and at any time: a stream, its first byte the number of slots. A packet
 * that is put together consists of bytes that came, each at its place: checked against all
 * fragments of the input. */
#include "fuzz_stream.h"
#include "packet.h"
#include "reassembly.h"

enum { SLOTS_MAX = 4, SEEN_MAX = 256 };

/* A fragment that was taken, for as long as its packet is incomplete. */
struct seen {
    struct ftun_ip_header ip;
    const uint8_t *payload; /* in the fuzzer's input */
};

struct run {
    struct ftun_reassembly reassembly;
    struct seen seen[SEEN_MAX];
    size_t seen_count;
    uint64_t now_ns;
};

static bool same_packet(const struct ftun_ip_header *a, const struct ftun_ip_header *b)
{
    return a->id == b->id && ftun_address_equal(&a->source, &b->source) &&
           ftun_address_equal(&a->destination, &b->destination);
}

static bool fits(const struct seen *seen, const struct ftun_ip_header *ip, size_t offset,
                 const uint8_t *payload, size_t len)
{
    return same_packet(&seen->ip, ip) && seen->ip.fragment_offset == offset &&
           seen->ip.payload_len <= len - offset &&
           memcmp(seen->payload, payload + offset, seen->ip.payload_len) == 0;
}

/* The payload of a whole packet, `len` bytes, consists of fragments that were seen, one behind the
 * other. Which ones may be open: fragments of a packet given up may come again, cut otherwise. */
static void require_seen(const struct run *run, const struct ftun_ip_header *ip,
                         const uint8_t *payload, size_t len)
{
    static bool reached[FTUN_IP_PACKET_MAX + 1];
    memset(reached, 0, len + 1);
    reached[0] = true;
    for (size_t offset = 0; offset < len; offset++)
        for (size_t i = 0; i < run->seen_count && reached[offset]; i++)
            if (fits(&run->seen[i], ip, offset, payload, len))
                reached[offset + run->seen[i].ip.payload_len] = true;
    FUZZ_REQUIRE(reached[len]);
}

static void check_whole(const struct run *run, const struct ftun_ip_header *last,
                        const struct ftun_reassembled *whole)
{
    struct ftun_ip_header ip;
    FUZZ_REQUIRE(whole->len <= FTUN_IP_PACKET_MAX);
    uint8_t *packet = fuzz_copy(whole->packet, whole->len);
    FUZZ_REQUIRE(ftun_ip_parse(packet, whole->len, &ip) == FTUN_TAKEN);
    FUZZ_REQUIRE(!ip.fragment && ip.protocol == FTUN_PROTOCOL_TCP);
    FUZZ_REQUIRE(ip.header_len + ip.payload_len == whole->len);
    FUZZ_REQUIRE(ftun_address_equal(&ip.source, &last->source));
    FUZZ_REQUIRE(ftun_address_equal(&ip.destination, &last->destination));
    require_seen(run, last, packet + ip.header_len, ip.payload_len);
    fuzz_free(packet, whole->len);
}

static void check_refusal(enum ftun_refusal refusal)
{
    FUZZ_REQUIRE(
        refusal == FTUN_REFUSED_UNSUPPORTED_FRAGMENT ||
        refusal == FTUN_REFUSED_MALFORMED_FRAGMENT || refusal == FTUN_REFUSED_TINY_FRAGMENT ||
        refusal == FTUN_REFUSED_FRAGMENT_OVERLAP || refusal == FTUN_REFUSED_FRAGMENT_DUPLICATE ||
        refusal == FTUN_REFUSED_FRAGMENT_ABANDONED || refusal == FTUN_REFUSED_FRAGMENT_LIMIT);
}

static void take_fragment(struct run *run, const struct ftun_ip_header *ip, const uint8_t *payload,
                          const uint8_t *original)
{
    struct ftun_reassembled whole;
    const enum ftun_refusal refusal =
        ftun_reassembly_fragment(&run->reassembly, run->now_ns, ip, payload, &whole);
    FUZZ_REQUIRE(ftun_reassembly_valid(&run->reassembly));
    FUZZ_REQUIRE(whole.timed_out <= run->reassembly.slot_count && whole.evicted <= 1);
    if (refusal != FTUN_TAKEN) {
        check_refusal(refusal);
        FUZZ_REQUIRE(whole.packet == NULL);
        return;
    }
    run->seen[run->seen_count++] = (struct seen){.ip = *ip, .payload = original};
    if (whole.packet != NULL)
        check_whole(run, ip, &whole);
}

static void take_packet(struct run *run, const struct fuzz_record *record)
{
    struct ftun_ip_header ip;
    if (ftun_ip_parse(record->data, record->len, &ip) != FTUN_TAKEN || !ip.fragment)
        return;
    const uint8_t *original = record->data + ip.header_len;
    uint8_t *payload = fuzz_copy(original, ip.payload_len);
    take_fragment(run, &ip, payload, original);
    fuzz_free(payload, ip.payload_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct fuzz_input input = {.data = data, .len = len};
    const uint32_t slots = 1 + fuzz_u8(&input) % SLOTS_MAX;
    static struct run run;
    run.reassembly.slots = fuzz_allocate(slots * sizeof *run.reassembly.slots);
    run.reassembly.slot_count = slots;
    run.seen_count = 0;
    run.now_ns = FTUN_SECOND;
    ftun_reassembly_init(&run.reassembly);
    struct fuzz_record record;
    while (run.seen_count < SEEN_MAX && fuzz_record_next(&input, &record)) {
        if (record.kind == FUZZ_RECORD_TIME)
            run.now_ns += fuzz_duration(record.argument);
        else
            take_packet(&run, &record);
    }
    free(run.reassembly.slots);
    return 0;
}
