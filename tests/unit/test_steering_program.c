/* The program in the kernel, which runs it on packets of the test's: needs root. */
#include "steering_program.h"

#include "steering.h"
#include "unit.h"

#include <bpf/bpf.h>
#include <string.h>
#include <unistd.h>

enum {
    LINK_HEADER = 14, /* bytes, which the kernel's test run takes off */
    PACKET = 120,
    FEWEST = 20, /* bytes of a packet that it takes */
    ROUNDS = 4000
};

static uint32_t run(int program, const uint8_t *packet, size_t len)
{
    uint8_t frame[LINK_HEADER + PACKET] = {0};
    memcpy(frame + LINK_HEADER, packet, len);
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame,
                .data_size_in = (uint32_t)(LINK_HEADER + len));
    assert_int_equal(bpf_prog_test_run_opts(program, &options), 0);
    return options.retval;
}

static uint8_t next_byte(void)
{
    static uint32_t state = 1; /* Numerical Recipes' generator: any bytes will do */
    state = state * 1664525u + 1013904223u;
    return (uint8_t)(state >> 24);
}

/* Any bytes; most often such that they are nearly a segment. */
static size_t make_packet(uint8_t *packet)
{
    static const uint8_t versions[] = {0x45, 0x46, 0x4f, 0x40, 0x60, 0x6f, 0x55, 0x00};
    static const uint8_t protocols[] = {6, 6, 6, 1, 17, 44};
    for (size_t i = 0; i < PACKET; i++)
        packet[i] = next_byte();
    packet[0] = versions[next_byte() % sizeof versions];
    packet[6] = packet[0] >> 4 == 6 ? protocols[next_byte() % sizeof protocols]
                                    : (next_byte() < 64 ? next_byte() : 0);
    if (next_byte() < 128)
        packet[7] = 0;
    packet[9] = protocols[next_byte() % sizeof protocols];
    return FEWEST + next_byte() % (PACKET - FEWEST + 1);
}

static void the_kernel_steers_every_packet_as_the_model_does(void **state)
{
    (void)state;
    static const uint32_t workers[] = {1, 2, 3, 7, 64};
    for (size_t i = 0; i < LENGTH(workers); i++)
        for (int by_source = 0; by_source < 2; by_source++) {
            const int program = ftun_steering_load(by_source != 0, workers[i]);
            unsigned elsewhere = 0;
            assert_true(program >= 0);
            for (int round = 0; round < ROUNDS; round++) {
                uint8_t packet[PACKET];
                const size_t len = make_packet(packet);
                const uint32_t expected =
                    ftun_steering_of_packet(packet, len, by_source != 0, workers[i]);
                assert_int_equal(run(program, packet, len), expected);
                elsewhere += expected != 0;
            }
            if (workers[i] > 1) /* the packets are not all refused */
                assert_true(elsewhere > ROUNDS / 20);
            close(program);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_kernel_steers_every_packet_as_the_model_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
