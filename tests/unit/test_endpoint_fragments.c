/* F01: a fragmented segment killed Phantun 0.7. Here the endpoint delivers it whole. */
#include "bytes.h"
#include "checksum.h"
#include "endpoint.h"
#include "unit.h"

#include <stdlib.h>

static const uint64_t now = 100 * FTUN_SECOND;

static struct ftun_endpoint *endpoint;
static struct ftun_actions actions;
static struct ftun_tuple tuple; /* of the client */
static uint32_t server_isn;

static void create(uint32_t reassembly_slots)
{
    const struct ftun_endpoint_config config = {
        .role = FTUN_SERVER,
        .key = {{1, 2, 3}},
        .local4 = ipv4(10, 0, 0, 2),
        .local6 = ipv6(2),
        .port = 4567,
        .mtu = 1500,
        .timeouts = {FTUN_NEVER, FTUN_NEVER, FTUN_NEVER},
        .max_flows = 1,
        .reassembly_slots = reassembly_slots,
    };
    free(endpoint);
    void *const memory = malloc(ftun_endpoint_size(&config));
    memset(memory, 0xa5, ftun_endpoint_size(&config)); /* as memory from malloc() may be */
    endpoint = ftun_endpoint_create(&config, memory);
}

static int tear_down(void **state)
{
    (void)state;
    free(endpoint);
    endpoint = NULL;
    return 0;
}

static size_t write_segment(uint8_t *packet, uint8_t flags, uint32_t sequence,
                            const uint8_t *payload, size_t len)
{
    const struct ftun_segment segment = {
        .tuple = tuple,
        .tcp = {.sequence = sequence,
                .acknowledgment = (flags & FTUN_ACK) != 0 ? server_isn + 1 : 0,
                .window = 65535,
                .flags = flags},
        .ttl = 64,
        .ip_id = 77,
        .payload_len = len,
    };
    const size_t headers =
        ftun_segment_emit(&segment, FTUN_CHECKSUM_FULL, ftun_sum(payload, len), packet);
    memcpy(packet + headers, payload, len);
    return headers + len;
}

static void give(const uint8_t *packet, size_t len)
{
    const struct ftun_tunnel_packet tunnel_packet = {.data = packet, .len = len};
    ftun_endpoint_packet(endpoint, now, &tunnel_packet, &actions);
}

static void establish(void)
{
    uint8_t packet[FTUN_HEADERS_MAX];
    const uint8_t none[1] = {0};
    give(packet, write_segment(packet, FTUN_SYN, 100, none, 0));
    server_isn = actions.at[0].send.segment.tcp.sequence;
    give(packet, write_segment(packet, FTUN_ACK, 101, none, 0));
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 1);
}

static void establish_over(struct ftun_address client, struct ftun_address server)
{
    tuple = (struct ftun_tuple){at(client, 40000), at(server, 4567)};
    create(4);
    establish();
}

/* Fragment payload bytes [from, to) of an IPv4 packet with a 20-byte header. */
static size_t cut_ipv4(const uint8_t *packet, size_t len, size_t from, size_t to, uint8_t *out)
{
    const bool more = 20 + to < len;
    memcpy(out, packet, 20);
    memcpy(out + 20, packet + 20 + from, to - from);
    ftun_store_be16(out + 2, (uint16_t)(20 + to - from));
    ftun_store_be16(out + 6, (uint16_t)((more ? 0x2000 : 0) | from / 8));
    ftun_store_be16(out + 10, 0);
    ftun_store_be16(out + 10, (uint16_t)~ftun_ipv4_header_sum(out, 20));
    return 20 + to - from;
}

static size_t cut_ipv6(const uint8_t *packet, size_t len, size_t from, size_t to, uint8_t *out)
{
    const bool more = 40 + to < len;
    memcpy(out, packet, 40);
    ftun_store_be16(out + 4, (uint16_t)(8 + to - from));
    out[6] = 44;
    out[40] = FTUN_PROTOCOL_TCP;
    out[41] = 0;
    ftun_store_be16(out + 42, (uint16_t)(from | (more ? 1 : 0)));
    ftun_store_be32(out + 44, 0x12345678);
    memcpy(out + 48, packet + 40 + from, to - from);
    return 48 + to - from;
}

typedef size_t cut(const uint8_t *packet, size_t len, size_t from, size_t to, uint8_t *out);

/* A segment of 1000 bytes in three fragments, the last one first. */
static void give_in_fragments(cut *fragment, size_t header_len, uint8_t *payload)
{
    uint8_t packet[1100], part[1100];
    for (size_t i = 0; i < 1000; i++)
        payload[i] = (uint8_t)(i ^ i >> 8);
    const size_t len = write_segment(packet, FTUN_ACK | FTUN_PSH, 101, payload, 1000);
    give(part, fragment(packet, len, 960, len - header_len, part));
    assert_int_equal(actions.count, 0);
    give(part, fragment(packet, len, 0, 480, part));
    assert_int_equal(actions.count, 0);
    give(part, fragment(packet, len, 480, 960, part));
}

static void assert_delivered_whole(const uint8_t *payload)
{
    assert_int_equal(actions.count, 1);
    assert_int_equal(actions.at[0].kind, FTUN_ACTION_DELIVER);
    assert_int_equal(actions.at[0].deliver.len, 1000);
    assert_int_equal(actions.at[0].deliver.stride, 1000);
    assert_memory_equal(actions.at[0].deliver.data, payload, 1000);
    const struct ftun_counters *c = ftun_endpoint_counters(endpoint);
    assert_int_equal(c->fragments_received, 3);
    assert_int_equal(c->packets_reassembled, 1);
    assert_int_equal(c->datagrams_delivered, 1);
}

static void F01_a_fragmented_segment_is_delivered_whole(void **state)
{
    (void)state;
    uint8_t payload[1000];
    establish_over(ipv4(10, 0, 0, 1), ipv4(10, 0, 0, 2));
    give_in_fragments(cut_ipv4, 20, payload);
    assert_delivered_whole(payload);
    establish_over(ipv6(1), ipv6(2));
    give_in_fragments(cut_ipv6, 40, payload);
    assert_delivered_whole(payload);
}

static void a_reassembled_segment_with_a_wrong_checksum_is_refused(void **state)
{
    (void)state;
    uint8_t payload[1000] = {0}, packet[1100], part[1100];
    establish_over(ipv4(10, 0, 0, 1), ipv4(10, 0, 0, 2));
    const size_t len = write_segment(packet, FTUN_ACK, 101, payload, 1000);
    packet[len - 1] ^= 1;
    give(part, cut_ipv4(packet, len, 0, 480, part));
    const struct ftun_tunnel_packet vouched = {
        .data = part, .len = cut_ipv4(packet, len, 480, len - 20, part), .checksum_vouched = true};
    ftun_endpoint_packet(endpoint, now, &vouched, &actions);
    assert_int_equal(actions.count, 0);
    assert_int_equal(ftun_endpoint_counters(endpoint)->refused[FTUN_REFUSED_MALFORMED_TCP_CHECKSUM],
                     1);
}

static void fragments_for_somebody_else_are_not_kept(void **state)
{
    (void)state;
    uint8_t payload[1000] = {0}, packet[1100], part[1100];
    establish_over(ipv4(10, 0, 0, 1), ipv4(10, 0, 0, 2));
    const size_t len = write_segment(packet, FTUN_ACK, 101, payload, 1000);
    packet[19] = 3;
    give(part, cut_ipv4(packet, len, 0, 480, part));
    assert_int_equal(ftun_endpoint_counters(endpoint)->refused[FTUN_REFUSED_NOT_OURS_ADDRESS], 1);
}

static void packets_given_up_are_counted(void **state)
{
    (void)state;
    uint8_t payload[1000] = {0}, packet[1100], part[1100];
    tuple = (struct ftun_tuple){at(ipv4(10, 0, 0, 1), 40000), at(ipv4(10, 0, 0, 2), 4567)};
    create(1);
    establish();
    for (uint8_t id = 0; id < 3; id++) {
        const size_t len = write_segment(packet, FTUN_ACK, 101, payload, 1000);
        packet[5] = id;
        give(part, cut_ipv4(packet, len, 0, 480, part));
    }
    const struct ftun_tunnel_packet later = {.data = part, .len = 500};
    ftun_endpoint_packet(endpoint, now + FTUN_REASSEMBLY_TIMEOUT, &later, &actions);
    const struct ftun_counters *c = ftun_endpoint_counters(endpoint);
    assert_int_equal(c->refused[FTUN_REFUSED_FRAGMENT_EVICTED], 2);
    assert_int_equal(c->refused[FTUN_REFUSED_FRAGMENT_TIMEOUT], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(F01_a_fragmented_segment_is_delivered_whole),
        cmocka_unit_test(a_reassembled_segment_with_a_wrong_checksum_is_refused),
        cmocka_unit_test(fragments_for_somebody_else_are_not_kept),
        cmocka_unit_test(packets_given_up_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
