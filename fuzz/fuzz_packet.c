/* One packet as it comes from the tunnel. What is taken lies inside the input, and what ftun would
 * emit for it is read back as the same. */
#include "bytes.h"
#include "checksum.h"
#include "fuzz_input.h"
#include "packet.h"

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* packet.h: what ftun_packet_parse() may refuse with. */
static bool is_refusal_of_bytes(enum ftun_refusal refusal)
{
    const char *name = ftun_refusal_name(refusal);
    return starts_with(name, "truncated-") || starts_with(name, "malformed-") ||
           starts_with(name, "unsupported-");
}

/* A packet as ftun would send it, in a block of its own length, given back by free(). */
static uint8_t *emit(const struct ftun_segment *segment, enum ftun_checksum_mode mode,
                     const uint8_t *payload, size_t *len)
{
    const size_t headers = ftun_ip_header_len((enum ftun_family)segment->tuple.local.ip.family) +
                           ftun_tcp_header_len(&segment->tcp);
    *len = headers + segment->payload_len;
    uint8_t *packet = fuzz_allocate(*len);
    const uint16_t sum = ftun_sum(payload, segment->payload_len);
    FUZZ_REQUIRE(ftun_segment_emit(segment, mode, sum, packet) == headers);
    memcpy(packet + headers, payload, segment->payload_len);
    return packet;
}

static void require_same(const struct ftun_packet *a, const uint8_t *a_bytes,
                         const struct ftun_packet *b, const uint8_t *b_bytes)
{
    FUZZ_REQUIRE(ftun_address_equal(&a->ip.source, &b->ip.source));
    FUZZ_REQUIRE(ftun_address_equal(&a->ip.destination, &b->ip.destination));
    FUZZ_REQUIRE(a->ip.ttl == b->ip.ttl);
    FUZZ_REQUIRE(a->tcp.source_port == b->tcp.source_port);
    FUZZ_REQUIRE(a->tcp.destination_port == b->tcp.destination_port);
    FUZZ_REQUIRE(a->tcp.sequence == b->tcp.sequence);
    FUZZ_REQUIRE(a->tcp.acknowledgment == b->tcp.acknowledgment);
    FUZZ_REQUIRE(a->tcp.window == b->tcp.window && a->tcp.flags == b->tcp.flags);
    FUZZ_REQUIRE(a->tcp.options_len == b->tcp.options_len);
    FUZZ_REQUIRE(memcmp(a->tcp.options, b->tcp.options, a->tcp.options_len) == 0);
    FUZZ_REQUIRE(a->payload_len == b->payload_len);
    FUZZ_REQUIRE(memcmp(a_bytes + a->payload_off, b_bytes + b->payload_off, a->payload_len) == 0);
}

/* What a NIC does with FTUN_CHECKSUM_PARTIAL. */
static void complete_checksum(uint8_t *packet, size_t len, size_t ip_len)
{
    const uint16_t sum = ftun_sum(packet + ip_len, len - ip_len);
    ftun_store_be16(packet + ip_len + FTUN_TCP_CHECKSUM_OFFSET, (uint16_t)~sum);
}

static void round_trip(const struct ftun_packet *taken, const uint8_t *data)
{
    const struct ftun_segment segment = {
        .tuple = {.local = {taken->ip.source, taken->tcp.source_port},
                  .remote = {taken->ip.destination, taken->tcp.destination_port}},
        .tcp = taken->tcp,
        .ttl = taken->ip.ttl,
        .ip_id = (uint16_t)taken->ip.id,
        .payload_len = taken->payload_len,
    };
    size_t len;
    uint8_t *full = emit(&segment, FTUN_CHECKSUM_FULL, data + taken->payload_off, &len);
    struct ftun_packet again;
    FUZZ_REQUIRE(ftun_packet_parse(full, len, false, &again) == FTUN_TAKEN);
    FUZZ_REQUIRE(again.kind == FTUN_PACKET_SEGMENT);
    require_same(taken, data, &again, full);

    uint8_t *partial = emit(&segment, FTUN_CHECKSUM_PARTIAL, data + taken->payload_off, &len);
    complete_checksum(partial, len, again.ip.header_len);
    FUZZ_REQUIRE(memcmp(full, partial, len) == 0);
    free(partial);
    free(full);
}

static void check_taken(const struct ftun_packet *packet, const uint8_t *data, size_t len)
{
    FUZZ_REQUIRE(packet->ip.header_len + packet->ip.payload_len <= len);
    switch (packet->kind) {
    case FTUN_PACKET_SEGMENT:
        FUZZ_REQUIRE(packet->payload_off + packet->payload_len ==
                     packet->ip.header_len + packet->ip.payload_len);
        if (len <= FTUN_IP_PACKET_MAX) /* the tunnel gives no longer ones, and none is emitted */
            round_trip(packet, data);
        break;
    case FTUN_PACKET_FRAGMENT:
        FUZZ_REQUIRE(packet->ip.fragment);
        break;
    case FTUN_PACKET_ICMP_ERROR:
        FUZZ_REQUIRE(packet->icmp.tuple.local.ip.family != FTUN_FAMILY_NONE);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint8_t *packet = fuzz_copy(data, len);
    struct ftun_packet verified;
    struct ftun_packet vouched;
    const enum ftun_refusal strict = ftun_packet_parse(packet, len, false, &verified);
    const enum ftun_refusal lenient = ftun_packet_parse(packet, len, true, &vouched);
    FUZZ_REQUIRE(strict == lenient ||
                 (strict == FTUN_REFUSED_MALFORMED_TCP_CHECKSUM && lenient == FTUN_TAKEN));
    if (lenient == FTUN_TAKEN)
        check_taken(&vouched, packet, len);
    else
        FUZZ_REQUIRE(is_refusal_of_bytes(lenient));
    fuzz_free(packet, len);
    return 0;
}
