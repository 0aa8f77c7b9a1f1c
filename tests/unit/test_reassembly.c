/* Fragments in, whole packets out: a packet of 100 payload bytes, whose TCP header is its first 20,
 * cut in many ways. Each test names its fragments as start, end and whether more follow. */
#include "reassembly.h"
#include "unit.h"

#include <stdlib.h>

enum { SLOTS = 3, TOTAL = 100 };

static const uint64_t start = 100 * FTUN_SECOND;

static struct ftun_reassembly reassembly;
static struct ftun_reassembled out;
static uint8_t payload[FTUN_IP_PACKET_MAX];
static struct ftun_ip_header ip;
static uint64_t now;

static int set_up(void **state)
{
    (void)state;
    reassembly.slots = malloc(SLOTS * sizeof *reassembly.slots);
    reassembly.slot_count = SLOTS;
    ftun_reassembly_init(&reassembly);
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (uint8_t)(i * 7 + i / 256);
    payload[12] = 0x50; /* TCP data offset: 20 bytes */
    ip = (struct ftun_ip_header){.source = ipv4(10, 0, 0, 1),
                                 .destination = ipv4(10, 0, 0, 2),
                                 .protocol = FTUN_PROTOCOL_TCP,
                                 .ttl = 64,
                                 .id = 7,
                                 .fragment = true,
                                 .header_len = 20};
    now = start;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(reassembly.slots);
    return 0;
}

/* In a block of its own size, so that a sanitizer sees a read beyond it. */
static enum ftun_refusal give_bytes(size_t from, size_t to, bool more, const uint8_t *bytes)
{
    ip.fragment_offset = (uint16_t)from;
    ip.payload_len = to - from;
    ip.more_fragments = more;
    uint8_t *copy = malloc(to - from);
    memcpy(copy, bytes, to - from);
    const enum ftun_refusal refusal = ftun_reassembly_fragment(&reassembly, now, &ip, copy, &out);
    free(copy);
    assert_true(ftun_reassembly_valid(&reassembly));
    return refusal;
}

static enum ftun_refusal give(size_t from, size_t to, bool more)
{
    return give_bytes(from, to, more, payload + from);
}

#define MORE true
#define LAST false

static void hold(size_t from, size_t to, bool more)
{
    assert_int_equal(give(from, to, more), FTUN_TAKEN);
    assert_null(out.packet);
}

static void complete(size_t from, size_t to, bool more)
{
    assert_int_equal(give(from, to, more), FTUN_TAKEN);
    assert_non_null(out.packet);
}

static void assert_whole(size_t total)
{
    struct ftun_ip_header whole;
    assert_int_equal(ftun_ip_parse(out.packet, out.len, &whole), FTUN_TAKEN);
    assert_false(whole.fragment);
    assert_int_equal(whole.protocol, FTUN_PROTOCOL_TCP);
    assert_true(ftun_address_equal(&whole.source, &ip.source));
    assert_true(ftun_address_equal(&whole.destination, &ip.destination));
    assert_int_equal(whole.payload_len, total);
    assert_int_equal(out.len, whole.header_len + total);
    assert_memory_equal(out.packet + whole.header_len, payload, total);
    if (ip.source.family == FTUN_IPV4)
        assert_int_equal(ftun_ipv4_header_sum(out.packet, whole.header_len), 0xffff);
}

static void fragments_in_order_make_the_packet(void **state)
{
    (void)state;
    hold(0, 40, MORE);
    hold(40, 80, MORE);
    complete(80, TOTAL, LAST);
    assert_whole(TOTAL);
}

static void fragments_in_any_order_make_the_packet(void **state)
{
    (void)state;
    static const struct {
        size_t from, to;
    } parts[] = {{0, 24}, {24, 48}, {48, 96}, {96, TOTAL}};
    static const uint8_t orders[][4] = {{3, 2, 1, 0}, {1, 3, 0, 2}, {2, 0, 3, 1},
                                        {0, 3, 1, 2}, {1, 0, 2, 3}, {3, 0, 2, 1}};
    for (size_t order = 0; order < LENGTH(orders); order++) {
        ip.id++;
        for (size_t i = 0; i < 4; i++) {
            const uint8_t part = orders[order][i];
            assert_int_equal(give(parts[part].from, parts[part].to, part != 3), FTUN_TAKEN);
            assert_int_equal(out.packet != NULL, i == 3);
        }
        assert_whole(TOTAL);
    }
}

static void ipv6_packets_get_a_plain_header_too(void **state)
{
    (void)state;
    ip.source = ipv6(1);
    ip.destination = ipv6(2);
    ip.id = 0x12345678;
    ip.header_len = 48;
    hold(0, 48, MORE);
    complete(48, TOTAL, LAST);
    assert_whole(TOTAL);
}

static void the_largest_packet_fits_and_not_a_byte_more(void **state)
{
    (void)state;
    const size_t most = FTUN_IP_PACKET_MAX - FTUN_IPV6_HEADER, last = 65400;
    hold(0, last, MORE);
    complete(last, most, LAST);
    assert_whole(most);
    ip.id++;
    hold(0, last, MORE);
    assert_int_equal(give(last, most + 1, LAST), FTUN_REFUSED_MALFORMED_FRAGMENT);
    assert_int_equal(give_bytes(65528, 65528 + 1400, LAST, payload),
                     FTUN_REFUSED_MALFORMED_FRAGMENT);
}

static void packets_are_told_apart_by_id_and_addresses(void **state)
{
    (void)state;
    hold(0, 40, MORE);
    ip.id++;
    hold(40, TOTAL, LAST);
    ip.id--;
    ip.source = ipv4(10, 0, 0, 3);
    hold(40, TOTAL, LAST);
    ip.source = ipv4(10, 0, 0, 1);
    complete(40, TOTAL, LAST);
    assert_whole(TOTAL);
}

static void an_exact_copy_is_dropped_alone(void **state)
{
    (void)state;
    hold(0, 40, MORE);
    assert_int_equal(give(0, 40, MORE), FTUN_REFUSED_FRAGMENT_DUPLICATE);
    assert_null(out.packet);
    complete(40, TOTAL, LAST);
    assert_whole(TOTAL);
}

static void overlaps_abandon_the_packet_and_all_that_comes_of_it(void **state)
{
    (void)state;
    static const struct {
        size_t from, to;
        bool more;
    } overlaps[] = {
        {24, 48, MORE}, /* over the end of the first */
        {32, 64, MORE}, /* over both */
        {64, 96, MORE}, /* over the start of the last */
        {24, 32, MORE}, /* inside the first */
        {0, 48, MORE},  /* around the first */
        {72, 80, MORE}, /* the start of the last, alike but shorter */
    };
    for (size_t i = 0; i < LENGTH(overlaps); i++) {
        ip.id++;
        hold(0, 40, MORE);
        hold(72, TOTAL, LAST);
        assert_int_equal(give(overlaps[i].from, overlaps[i].to, overlaps[i].more),
                         FTUN_REFUSED_FRAGMENT_OVERLAP);
        assert_int_equal(give(40, 72, MORE), FTUN_REFUSED_FRAGMENT_ABANDONED);
        assert_null(out.packet);
    }
}

static void a_copy_with_other_bytes_is_an_overlap(void **state)
{
    (void)state;
    hold(0, 40, MORE);
    hold(40, 80, MORE);
    assert_int_equal(give_bytes(40, 80, MORE, payload), FTUN_REFUSED_FRAGMENT_OVERLAP);
    assert_int_equal(give(80, TOTAL, LAST), FTUN_REFUSED_FRAGMENT_ABANDONED);
}

static void ends_that_contradict_each_other_abandon_the_packet(void **state)
{
    (void)state;
    hold(40, TOTAL, LAST);
    assert_int_equal(give(104, 200, LAST), FTUN_REFUSED_MALFORMED_FRAGMENT); /* a second end */
    assert_int_equal(give(0, 40, MORE), FTUN_REFUSED_FRAGMENT_ABANDONED);
    ip.id++;
    hold(40, TOTAL, LAST);
    assert_int_equal(give(104, 112, MORE), FTUN_REFUSED_MALFORMED_FRAGMENT); /* behind the end */
    ip.id++;
    hold(80, 96, MORE);
    assert_int_equal(give(40, 72, LAST), FTUN_REFUSED_MALFORMED_FRAGMENT); /* an end before it */
}

static void impossible_fragments_are_malformed(void **state)
{
    (void)state;
    assert_int_equal(give(40, 40, LAST), FTUN_REFUSED_MALFORMED_FRAGMENT); /* empty */
    assert_int_equal(give(0, 41, MORE), FTUN_REFUSED_MALFORMED_FRAGMENT);  /* no multiple of 8 */
    assert_false(reassembly.slots[0].in_use);
}

static void fragments_of_other_protocols_take_no_memory(void **state)
{
    (void)state;
    ip.protocol = FTUN_PROTOCOL_UDP;
    assert_int_equal(give(0, 40, MORE), FTUN_REFUSED_UNSUPPORTED_FRAGMENT);
    assert_false(reassembly.slots[0].in_use);
}

static void a_first_fragment_holds_the_whole_tcp_header(void **state)
{
    (void)state;
    assert_int_equal(give(0, 16, MORE), FTUN_REFUSED_TINY_FRAGMENT);
    assert_int_equal(give(8, 40, MORE), FTUN_REFUSED_TINY_FRAGMENT); /* RFC 3128: over the flags */
    assert_int_equal(give(16, 40, MORE), FTUN_REFUSED_TINY_FRAGMENT);
    payload[12] = 0x80; /* 32 bytes of header */
    assert_int_equal(give(0, 24, MORE), FTUN_REFUSED_TINY_FRAGMENT);
    hold(0, 32, MORE);
}

static void a_packet_whose_rest_never_comes_is_given_up(void **state)
{
    (void)state;
    hold(0, 40, MORE);
    ip.id++;
    now += FTUN_REASSEMBLY_TIMEOUT - 1;
    hold(0, 40, MORE);
    assert_int_equal(out.timed_out, 0);
    now += 1;
    ip.id--;
    hold(40, TOTAL, LAST); /* too late: the beginning of another packet */
    assert_int_equal(out.timed_out, 1);
    now += FTUN_REASSEMBLY_TIMEOUT;
    ip.id += 2;
    hold(0, 40, MORE);
    assert_int_equal(out.timed_out, 2);
}

static void an_abandoned_packet_is_forgotten_in_time_and_not_counted_again(void **state)
{
    (void)state;
    hold(0, 40, MORE);
    assert_int_equal(give(32, 48, MORE), FTUN_REFUSED_FRAGMENT_OVERLAP);
    now += FTUN_REASSEMBLY_TIMEOUT;
    hold(0, 40, MORE);
    assert_int_equal(out.timed_out, 0);
    complete(40, TOTAL, LAST);
}

static void when_all_slots_are_taken_the_oldest_yields(void **state)
{
    (void)state;
    for (uint32_t id = 0; id < SLOTS; id++) {
        ip.id = id;
        now++;
        hold(0, 40, MORE);
        assert_int_equal(out.evicted, 0);
    }
    ip.id = SLOTS;
    hold(0, 40, MORE);
    assert_int_equal(out.evicted, 1);
    ip.id = 1;
    complete(40, TOTAL, LAST);
    ip.id = 0; /* the oldest: this is now the beginning of another packet */
    hold(40, TOTAL, LAST);
    assert_int_equal(out.evicted, 0);
}

static void packets_yield_in_the_order_of_their_age(void **state)
{
    (void)state;
    enum { PACKETS = 3 * SLOTS + 1 };
    for (uint32_t id = 0; id < PACKETS; id++) {
        ip.id = id;
        now++;
        hold(0, 40, MORE);
        assert_int_equal(out.evicted, id >= SLOTS);
    }
    for (uint32_t id = PACKETS - SLOTS; id < PACKETS; id++) {
        ip.id = id;
        complete(40, TOTAL, LAST);
    }
}

static void a_packet_in_too_many_fragments_is_abandoned(void **state)
{
    (void)state;
    hold(0, 24, MORE);
    size_t at = 24;
    for (size_t i = 1; i < FTUN_REASSEMBLY_FRAGMENTS_MAX; i++, at += 8)
        hold(at, at + 8, MORE);
    assert_int_equal(give(at, at + 8, MORE), FTUN_REFUSED_FRAGMENT_LIMIT);
    assert_int_equal(give(at + 8, at + 16, LAST), FTUN_REFUSED_FRAGMENT_ABANDONED);
}

static void without_slots_no_fragment_is_taken(void **state)
{
    (void)state;
    reassembly.slot_count = 0;
    assert_int_equal(give(0, 40, MORE), FTUN_REFUSED_UNSUPPORTED_FRAGMENT);
}

static void a_broken_slot_is_not_valid(void **state)
{
    (void)state;
    hold(0, 40, MORE);
    hold(80, TOTAL, LAST);
    struct ftun_reassembly_slot *const slot = &reassembly.slots[0];
    const struct ftun_reassembly_slot good = *slot;
    slot->received++;
    assert_false(ftun_reassembly_valid(&reassembly));
    *slot = good;
    slot->parts[1].start = 32;
    assert_false(ftun_reassembly_valid(&reassembly));
    *slot = good;
    slot->total = 96;
    assert_false(ftun_reassembly_valid(&reassembly));
    *slot = good;
    slot->part_count = 0;
    assert_false(ftun_reassembly_valid(&reassembly));
    slot->abandoned = true;
    assert_true(ftun_reassembly_valid(&reassembly));
    *slot = good;
    slot->abandoned = true;
    assert_false(ftun_reassembly_valid(&reassembly));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fragments_in_order_make_the_packet),
        TEST(fragments_in_any_order_make_the_packet),
        TEST(ipv6_packets_get_a_plain_header_too),
        TEST(the_largest_packet_fits_and_not_a_byte_more),
        TEST(packets_are_told_apart_by_id_and_addresses),
        TEST(an_exact_copy_is_dropped_alone),
        TEST(overlaps_abandon_the_packet_and_all_that_comes_of_it),
        TEST(a_copy_with_other_bytes_is_an_overlap),
        TEST(ends_that_contradict_each_other_abandon_the_packet),
        TEST(impossible_fragments_are_malformed),
        TEST(fragments_of_other_protocols_take_no_memory),
        TEST(a_first_fragment_holds_the_whole_tcp_header),
        TEST(a_packet_whose_rest_never_comes_is_given_up),
        TEST(an_abandoned_packet_is_forgotten_in_time_and_not_counted_again),
        TEST(when_all_slots_are_taken_the_oldest_yields),
        TEST(packets_yield_in_the_order_of_their_age),
        TEST(a_packet_in_too_many_fragments_is_abandoned),
        TEST(without_slots_no_fragment_is_taken),
        TEST(a_broken_slot_is_not_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
