/* Thousands of packets with seeded mistakes, to the program in the kernel and to src/core's parser:
 * what that reads as the tunnel's must be taken, what it reads as anything else must pass. Of what
 * it refuses, the kernel's IP stack would make nothing either: there is no wrong answer. */
#include "divert_fixture.h"

#include "bytes.h"

#include <string.h>

enum { ROUNDS = 20000, TEMPLATES = 12, MISTAKES_MAX = 4 };

static struct made templates[TEMPLATES];

static uint32_t next_number(void)
{
    static uint32_t state = 1; /* Numerical Recipes' generator: any bytes will do */
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

static void make_templates(void)
{
    static const uint8_t options[12] = {1, 7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t padding[16] = {0, 1, 1, 12};
    const struct made four = to_server(FTUN_IPV4), six = to_server(FTUN_IPV6);
    const struct made sent4 = from_server(FTUN_IPV4), sent6 = from_server(FTUN_IPV6);
    const struct made extended = with_extension(&six, 60, padding, sizeof padding);
    const struct made all[TEMPLATES] = {
        four,
        six,
        with_options(&four, options, sizeof options),
        extended,
        with_extension(&extended, 0, padding, sizeof padding),
        with_extension(&extended, 43, padding, sizeof padding),
        fragment(&four, 9, 0, 16),
        fragment(&six, 9, 0, 16),
        fragment(&six, 9, 0, 28),
        error_about(&sent4, 3, 4),
        error_about(&sent6, 2, 0),
        error_about(&four, 3, 1),
    };
    memcpy(templates, all, sizeof all);
}

/* Values that are something somewhere. */
static uint8_t telling_byte(void)
{
    static const uint8_t telling[] = {0,    1,    2,         3,    4,    5,    6,
                                      17,   43,   44,        58,   60,   0x40, 0x45,
                                      0x4f, 0x60, PORT >> 8, 0x7f, 0x80, 0xff, (uint8_t)PORT,
                                      192,  0x20, 0xd7};
    return next_number() % 2 == 0 ? telling[next_number() % sizeof telling]
                                  : (uint8_t)next_number();
}

/* Most often with checksums that are right, so that the parser looks behind them. The kernel's test
 * run takes no less than an IP header. */
static struct made mistaken(void)
{
    struct made packet = templates[next_number() % TEMPLATES];
    const size_t fewest = ftun_ip_header_len(packet.bytes[0] >> 4);
    const unsigned mistakes = next_number() % (MISTAKES_MAX + 1);
    for (unsigned i = 0; i < mistakes; i++)
        packet.bytes[1 + next_number() % (packet.len - 1)] = telling_byte();
    if (next_number() % 8 == 0)
        packet.len = fewest + next_number() % (packet.len - fewest);
    if (next_number() % 8 != 0)
        mend(&packet);
    return packet;
}

static bool is_here(const struct ftun_address *address)
{
    return ftun_address_equal(address, &here[0]) || ftun_address_equal(address, &here[1]);
}

enum opinion { TAKEN, PASSED, EITHER };

static enum opinion of_fragment(const struct made *packet, const struct ftun_packet *parsed)
{
    if (parsed->ip.fragment_offset != 0 || parsed->ip.protocol != FTUN_PROTOCOL_TCP ||
        parsed->ip.payload_len < 4)
        return EITHER; /* depends on those before; or headers behind that of the fragment */
    const uint8_t *const segment = packet->bytes + parsed->ip.header_len;
    return ftun_load_be16(segment + 2) == PORT ? TAKEN : PASSED;
}

/* Of a server at PORT. */
static enum opinion opinion_of(const struct made *packet)
{
    struct ftun_packet parsed;
    if (ftun_packet_parse(packet->bytes, packet->len, true, &parsed) != FTUN_TAKEN)
        return EITHER;
    if (!is_here(&parsed.ip.destination))
        return parsed.kind == FTUN_PACKET_FRAGMENT ? EITHER : PASSED;
    if (parsed.kind == FTUN_PACKET_FRAGMENT)
        return of_fragment(packet, &parsed);
    if (parsed.kind == FTUN_PACKET_SEGMENT)
        return parsed.tcp.destination_port == PORT ? TAKEN : PASSED;
    return parsed.icmp.tuple.local.port == PORT &&
                   ftun_address_equal(&parsed.icmp.tuple.local.ip, &parsed.ip.destination)
               ? TAKEN
               : PASSED;
}

static void the_kernel_takes_what_the_parser_reads_as_the_tunnels(void **state)
{
    (void)state;
    unsigned seen[3] = {0};
    load_divert(divert_server());
    make_templates();
    for (int round = 0; round < ROUNDS; round++) {
        const struct made packet = mistaken();
        const enum opinion opinion = opinion_of(&packet);
        const enum verdict verdict = arrives(&packet);
        if (opinion == TAKEN)
            assert_int_equal(verdict, TAKE);
        else if (opinion == PASSED)
            assert_int_equal(verdict, PASS);
        else
            assert_true(verdict == TAKE || verdict == PASS);
        seen[opinion]++;
    }
    assert_true(seen[TAKEN] > ROUNDS / 10); /* the packets are not all alike */
    assert_true(seen[PASSED] > ROUNDS / 20);
}

/* Whatever ftun writes, it is sent, or dropped and counted, once. */
static void what_is_written_to_the_tun_is_accounted_for(void **state)
{
    (void)state;
    struct ftun_divert_counters counted;
    load_divert(divert_server());
    make_templates();
    for (int round = 0; round < ROUNDS; round++) {
        const struct made packet = mistaken();
        assert_int_equal(leaves(&packet, next_number() % 2 * next_number() % 65536), DROP);
    }
    counted = divert_counted();
    assert_int_equal(counted.no_route + counted.not_ours, ROUNDS);
    assert_true(counted.no_route > ROUNDS / 4);
    assert_true(counted.not_ours > ROUNDS / 4);
}

#define TEST(name) cmocka_unit_test_teardown(name, close_divert)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_kernel_takes_what_the_parser_reads_as_the_tunnels),
        TEST(what_is_written_to_the_tun_is_accounted_for),
    };
    return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
