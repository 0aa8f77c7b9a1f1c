/* Packets that no endpoint takes: each costs a counter, and nothing else. */
#include "bytes.h"
#include "checksum.h"
#include "endpoint_fixture.h"

enum { IP = 20, TCP = 20, PAYLOAD = 4, WHOLE = IP + TCP + PAYLOAD };

struct raw {
    uint8_t bytes[WHOLE + 4];
    size_t len;
};

/* A segment of the established flow, with the four bytes "ping". */
static struct raw good_packet(void)
{
    struct raw raw = {.len = WHOLE};
    const struct ftun_segment s = {
        .tuple = {.local = a_client(1).address, .remote = a_client(1).to},
        .tcp = {.sequence = 101,
                .acknowledgment = own_isn + 1,
                .window = 65535,
                .flags = FTUN_ACK | FTUN_PSH},
        .ttl = 64,
        .payload_len = PAYLOAD,
    };
    memcpy(raw.bytes + IP + TCP, "ping", PAYLOAD);
    ftun_segment_emit(&s, FTUN_CHECKSUM_FULL, ftun_sum(raw.bytes + IP + TCP, PAYLOAD), raw.bytes);
    return raw;
}

/* In a block of exactly its size, so that a sanitizer sees a read beyond it. */
static void give_raw(const struct raw *raw, bool vouched)
{
    uint8_t *exact = test_malloc(raw->len);
    memcpy(exact, raw->bytes, raw->len);
    const struct ftun_tunnel_packet packet = {
        .data = exact, .len = raw->len, .checksum_vouched = vouched};
    ftun_endpoint_packet(endpoint, now, &packet, &actions);
    test_free(exact);
}

static void repair_ip_checksum(struct raw *raw)
{
    const size_t header_len = (size_t)(raw->bytes[0] & 0x0f) * 4;
    ftun_store_be16(raw->bytes + 10, 0);
    ftun_store_be16(raw->bytes + 10, (uint16_t)~ftun_ipv4_header_sum(raw->bytes, header_len));
}

static void cut_to(struct raw *raw, size_t len)
{
    raw->len = len;
    ftun_store_be16(raw->bytes + 2, (uint16_t)len);
    repair_ip_checksum(raw);
}

/* Put four bytes at `at`: a header that is one word longer. */
static void insert_word(struct raw *raw, size_t at, const uint8_t *word)
{
    memmove(raw->bytes + at + 4, raw->bytes + at, raw->len - at);
    memcpy(raw->bytes + at, word, 4);
    cut_to(raw, raw->len + 4);
}

static void empty_read(struct raw *raw)
{
    raw->len = 0;
}

static void cut_ip_header(struct raw *raw)
{
    raw->len = IP - 1;
}

static void cut_tcp_header(struct raw *raw)
{
    cut_to(raw, IP + TCP - 1);
}

static void no_tcp_header(struct raw *raw)
{
    cut_to(raw, IP);
}

static void shorter_than_its_length(struct raw *raw)
{
    raw->len--;
}

static void ip_version_5(struct raw *raw)
{
    raw->bytes[0] = 0x55;
}

static void ip_header_of_16_bytes(struct raw *raw)
{
    raw->bytes[0] = 0x44;
}

static void ip_header_beyond_the_packet(struct raw *raw)
{
    raw->bytes[0] = 0x4f;
}

static void wrong_ip_checksum(struct raw *raw)
{
    raw->bytes[8]--;
}

static void tcp_header_of_16_bytes(struct raw *raw)
{
    raw->bytes[IP + 12] = 0x40;
}

static void tcp_header_beyond_the_packet(struct raw *raw)
{
    raw->bytes[IP + 12] = 0xf0;
}

static void tcp_options_that_do_not_add_up(struct raw *raw)
{
    raw->bytes[IP + 12] = 0x60;
    insert_word(raw, IP + TCP, (const uint8_t[]){FTUN_TCP_OPTION_MSS, 0, 0, 0});
}

static void no_flags(struct raw *raw)
{
    raw->bytes[IP + 13] = 0;
}

static void udp(struct raw *raw)
{
    raw->bytes[9] = FTUN_PROTOCOL_UDP;
    repair_ip_checksum(raw);
}

static void head_fragment(struct raw *raw)
{
    raw->bytes[6] = 0x20;
    repair_ip_checksum(raw);
}

static void tail_fragment(struct raw *raw)
{
    raw->bytes[7] = 3; /* offset 24 */
    repair_ip_checksum(raw);
}

static uint64_t refused_in_all(void)
{
    uint64_t sum = 0;
    for (int i = 0; i < FTUN_REFUSAL_COUNT; i++)
        sum += refused((enum ftun_refusal)i);
    return sum;
}

/* F02: the first four, the IP headers and the tail fragment panic Phantun or are read as TCP. */
static void F02_each_odd_packet_is_counted_under_its_name_and_costs_nothing_else(void **state)
{
    (void)state;
    static const struct {
        void (*spoil)(struct raw *raw);
        enum ftun_refusal refusal;
    } rows[] = {
        {empty_read, FTUN_REFUSED_TRUNCATED_IP},
        {cut_ip_header, FTUN_REFUSED_TRUNCATED_IP},
        {cut_tcp_header, FTUN_REFUSED_TRUNCATED_TCP},
        {no_tcp_header, FTUN_REFUSED_TRUNCATED_TCP},
        {shorter_than_its_length, FTUN_REFUSED_TRUNCATED_IP},
        {ip_version_5, FTUN_REFUSED_MALFORMED_IP_VERSION},
        {ip_header_of_16_bytes, FTUN_REFUSED_MALFORMED_IP_HEADER},
        {ip_header_beyond_the_packet, FTUN_REFUSED_TRUNCATED_IP},
        {wrong_ip_checksum, FTUN_REFUSED_MALFORMED_IP_CHECKSUM},
        {tcp_header_of_16_bytes, FTUN_REFUSED_MALFORMED_TCP_HEADER},
        {tcp_header_beyond_the_packet, FTUN_REFUSED_TRUNCATED_TCP},
        {tcp_options_that_do_not_add_up, FTUN_REFUSED_MALFORMED_TCP_OPTIONS},
        {no_flags, FTUN_REFUSED_MALFORMED_TCP_FLAGS},
        {udp, FTUN_REFUSED_UNSUPPORTED_PROTOCOL},
        {head_fragment, FTUN_REFUSED_UNSUPPORTED_FRAGMENT},
        {tail_fragment, FTUN_REFUSED_UNSUPPORTED_FRAGMENT},
    };
    for (size_t i = 0; i < LENGTH(rows); i++) {
        create(server_config());
        established_server(1);
        struct raw raw = good_packet();
        rows[i].spoil(&raw);
        give_raw(&raw, true);
        assert_string_equal(happened(), "");
        assert_int_equal(refused(rows[i].refusal), 1);
        assert_int_equal(refused_in_all(), 1);
        raw = good_packet();
        give_raw(&raw, false);
        assert_string_equal(happened(), "deliver flow 0 bytes 4 stride 4");
    }
}

/* Phantun takes any IHL for 5, and IP options for TCP. */
static void F02_a_segment_behind_ip_options_is_delivered(void **state)
{
    (void)state;
    create(server_config());
    established_server(1);
    happened();
    struct raw raw = good_packet();
    raw.bytes[0] = 0x46;
    insert_word(&raw, IP, (const uint8_t[]){1, 1, 1, 0});
    give_raw(&raw, false);
    assert_int_equal(actions.at[0].deliver.len, PAYLOAD);
    assert_string_equal(happened(), "deliver flow 0 bytes 4 stride 4");
    assert_int_equal(refused_in_all(), 0);
}

static void F03_a_wrong_tcp_checksum_is_counted_and_the_segment_dropped(void **state)
{
    (void)state;
    create(server_config());
    established_server(1);
    happened();
    struct raw raw = good_packet();
    raw.bytes[WHOLE - 1] ^= 1;
    give_raw(&raw, false);
    assert_string_equal(happened(), "");
    assert_int_equal(refused(FTUN_REFUSED_MALFORMED_TCP_CHECKSUM), 1);
    assert_int_equal(ftun_endpoint_counters(endpoint)->datagrams_delivered, 0);
}

static void F03_a_segment_that_the_kernel_vouched_for_is_delivered(void **state)
{
    (void)state;
    create(server_config());
    established_server(1);
    happened();
    struct raw raw = good_packet();
    ftun_store_be16(raw.bytes + IP + FTUN_TCP_CHECKSUM_OFFSET, 0xdead); /* never computed */
    give_raw(&raw, true);
    assert_string_equal(happened(), "deliver flow 0 bytes 4 stride 4");
    assert_int_equal(refused_in_all(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(F02_each_odd_packet_is_counted_under_its_name_and_costs_nothing_else),
        cmocka_unit_test(F02_a_segment_behind_ip_options_is_delivered),
        cmocka_unit_test(F03_a_wrong_tcp_checksum_is_counted_and_the_segment_dropped),
        cmocka_unit_test(F03_a_segment_that_the_kernel_vouched_for_is_delivered),
    };
    return cmocka_run_group_tests(tests, NULL, endpoint_tear_down);
}
