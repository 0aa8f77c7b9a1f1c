#include "steering.h"
#include "unit.h"

#include <string.h>

static void every_class_has_one_worker_and_all_have_as_many(void **state)
{
    (void)state;
    for (uint32_t workers = 1; workers <= FTUN_WORKERS_MAX; workers++) {
        unsigned owned[FTUN_WORKERS_MAX] = {0};
        for (uint16_t port = 64000; port < 64000 + FTUN_PORT_CLASSES; port++)
            owned[ftun_steering_worker(port, workers)]++;
        for (uint32_t worker = 0; worker < workers; worker++)
            assert_in_range(owned[worker], FTUN_PORT_CLASSES / workers,
                            FTUN_PORT_CLASSES / workers + 1);
    }
}

static void the_classes_of_a_worker_are_those_that_are_steered_to_it(void **state)
{
    (void)state;
    for (uint32_t workers = 1; workers <= FTUN_WORKERS_MAX; workers++)
        for (uint32_t worker = 0; worker < workers; worker++) {
            const struct ftun_port_classes own = ftun_steering_classes(worker, workers);
            for (uint16_t port = 0; port < FTUN_PORT_CLASSES; port++) {
                const bool among = port >= own.first && port < own.first + own.count;
                assert_int_equal(among, ftun_steering_worker(port, workers) == worker);
            }
        }
}

static const struct ftun_port_range usual = {FTUN_PORT_FIRST, FTUN_PORT_LAST};

static void a_port_is_of_its_classes_and_may_be_any_of_them(void **state)
{
    (void)state;
    const struct ftun_port_classes two = {.first = 6, .count = 2};
    static unsigned drawn[65536];
    for (uint64_t draw = 0; draw < 884; draw++)
        drawn[ftun_steering_port(usual, two, draw)]++;
    for (uint32_t port = 0; port < 65536; port++) {
        const bool ours = port >= FTUN_PORT_FIRST && port <= FTUN_PORT_LAST &&
                          (port % FTUN_PORT_CLASSES == 6 || port % FTUN_PORT_CLASSES == 7);
        assert_int_equal(drawn[port], ours);
    }
    assert_in_range(ftun_steering_port(usual, (struct ftun_port_classes){63, 1}, UINT64_MAX),
                    FTUN_PORT_FIRST, FTUN_PORT_LAST);
}

/* Wherever it begins, and however short: every port has its turn, and no other. */
static void a_port_is_of_its_range_and_may_be_any_of_it(void **state)
{
    (void)state;
    static const struct ftun_port_range ranges[] = {{1, 64},        {32768, 36863}, {40001, 40064},
                                                    {40063, 40190}, {65472, 65535}, {65400, 65535}};
    const struct ftun_port_classes all = {0, FTUN_PORT_CLASSES};
    for (size_t i = 0; i < LENGTH(ranges); i++) {
        static unsigned drawn[65536];
        memset(drawn, 0, sizeof drawn);
        for (uint64_t draw = 0; draw < 65536; draw++)
            drawn[ftun_steering_port(ranges[i], all, draw)]++;
        for (uint32_t port = 0; port < 65536; port++)
            assert_int_equal(drawn[port] > 0, port >= ranges[i].first && port <= ranges[i].last);
    }
}

/* From port 10, of worker 0, to port 50, of worker 1 of 2. */
static size_t ipv4_segment(uint8_t *packet, uint8_t ihl)
{
    const size_t header = ihl * 4u;
    memset(packet, 0, 100);
    packet[0] = 0x40 | ihl;
    packet[9] = 6;
    packet[header + 1] = 10;
    packet[header + 3] = 50;
    return header + 20;
}

static void a_segment_goes_by_its_clients_port(void **state)
{
    (void)state;
    uint8_t packet[100];
    for (uint8_t ihl = 5; ihl <= 15; ihl++) {
        const size_t len = ipv4_segment(packet, ihl);
        assert_int_equal(ftun_steering_of_packet(packet, len, false, 2), 1);
        assert_int_equal(ftun_steering_of_packet(packet, len, true, 2), 0);
        assert_int_equal(ftun_steering_of_packet(packet, len, true, 64), 10);
    }
    memset(packet, 0, sizeof packet);
    packet[0] = 0x60;
    packet[6] = 6;
    packet[43] = 50;
    assert_int_equal(ftun_steering_of_packet(packet, 60, false, 2), 1);
    assert_int_equal(ftun_steering_of_packet(packet, 60, true, 2), 0);
}

static void all_else_goes_to_worker_0(void **state)
{
    (void)state;
    uint8_t packet[100];
    const size_t len = ipv4_segment(packet, 5);
    packet[6] = 0x40; /* "don't fragment": a whole packet */
    assert_int_equal(ftun_steering_of_packet(packet, len, false, 2), 1);
    packet[6] = 0x20; /* a first fragment */
    assert_int_equal(ftun_steering_of_packet(packet, len, false, 2), 0);
    packet[6] = 0;
    packet[7] = 3; /* a last one */
    assert_int_equal(ftun_steering_of_packet(packet, len, false, 2), 0);
    packet[7] = 0;
    assert_int_equal(ftun_steering_of_packet(packet, 23, false, 2), 0); /* cut in the port */
    assert_int_equal(ftun_steering_of_packet(packet, 24, false, 2), 1);
    packet[9] = 1; /* ICMP */
    assert_int_equal(ftun_steering_of_packet(packet, len, false, 2), 0);
    packet[9] = 6;
    packet[0] = 0x55;
    assert_int_equal(ftun_steering_of_packet(packet, len, false, 2), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_class_has_one_worker_and_all_have_as_many),
        cmocka_unit_test(the_classes_of_a_worker_are_those_that_are_steered_to_it),
        cmocka_unit_test(a_port_is_of_its_classes_and_may_be_any_of_them),
        cmocka_unit_test(a_port_is_of_its_range_and_may_be_any_of_it),
        cmocka_unit_test(a_segment_goes_by_its_clients_port),
        cmocka_unit_test(all_else_goes_to_worker_0),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
