/* Bytes to structs and back, and their checksums. */
#include "micro.h"

#include "checksum.h"
#include "packet.h"
#include "tcp_options.h"

enum { PAYLOAD = 1400, PACKET_MAX = 65536 };

static uint8_t packet[PACKET_MAX];
static size_t packet_len;
static struct ftun_segment segment;
static volatile uint16_t sink; /* so that nothing is optimised away */

static void prepare_v4(void)
{
    segment = (struct ftun_segment){
        .tuple = {.local = {micro_host(1), 40000}, .remote = {micro_host(2), 4567}},
        .tcp = {.sequence = 1, .acknowledgment = 1, .window = 500, .flags = FTUN_ACK | FTUN_PSH},
        .ttl = 64,
        .payload_len = PAYLOAD,
    };
    packet_len = PAYLOAD + ftun_segment_emit(&segment, FTUN_CHECKSUM_PARTIAL, 0, packet);
}

static void prepare_v6(void)
{
    prepare_v4();
    segment.tuple.local.ip.family = FTUN_IPV6;
    segment.tuple.remote.ip.family = FTUN_IPV6;
    packet_len = PAYLOAD + ftun_segment_emit(&segment, FTUN_CHECKSUM_PARTIAL, 0, packet);
}

static void prepare_timestamps(void)
{
    prepare_v4();
    segment.tcp.options_len = (uint8_t)ftun_tcp_timestamps_write(1, 2, segment.tcp.options);
    packet_len = PAYLOAD + ftun_segment_emit(&segment, FTUN_CHECKSUM_PARTIAL, 0, packet);
}

static void parse(unsigned times)
{
    struct ftun_packet parsed;
    enum ftun_refusal refusal = FTUN_TAKEN;
    micro_begin();
    for (unsigned i = 0; i < times && refusal == FTUN_TAKEN; i++)
        refusal = ftun_packet_parse(packet, packet_len, true, &parsed);
    micro_end();
    micro_check(refusal == FTUN_TAKEN && parsed.payload_len == PAYLOAD, "the packet is taken");
}

static void emit(unsigned times)
{
    micro_begin();
    for (unsigned i = 0; i < times; i++)
        sink = (uint16_t)ftun_segment_emit(&segment, FTUN_CHECKSUM_PARTIAL, 0, packet);
    micro_end();
}

static void fill(void)
{
    for (size_t i = 0; i < sizeof packet; i++)
        packet[i] = (uint8_t)(i * i);
}

static void sum(unsigned times, size_t len)
{
    micro_begin();
    for (unsigned i = 0; i < times; i++)
        sink = ftun_sum(packet, len);
    micro_end();
}

static void sum_datagram(unsigned times)
{
    sum(times, PAYLOAD);
}

static void sum_packet(unsigned times)
{
    sum(times, PACKET_MAX);
}

const struct micro_case wire_cases[] = {
    {"parse.v4", prepare_v4, parse, 1000},
    {"parse.v6", prepare_v6, parse, 1000},
    {"parse.timestamps", prepare_timestamps, parse, 1000},
    {"emit.v4", prepare_v4, emit, 1000},
    {"emit.v6", prepare_v6, emit, 1000},
    {"emit.timestamps", prepare_timestamps, emit, 1000},
    {"checksum.1400", fill, sum_datagram, 1000},
    {"checksum.65536", fill, sum_packet, 100},
};
const size_t wire_case_count = sizeof wire_cases / sizeof wire_cases[0];
