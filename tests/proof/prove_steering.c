#include "prove.h"
#include "steering.h"

static uint8_t packet[80];

static void steer(size_t len)
{
    const uint32_t workers = (uint32_t)any_size(1, FTUN_WORKERS_MAX);
    uint8_t *data = packet + sizeof packet - len;
    const uint32_t worker = ftun_steering_of_packet(data, len, any_bool(), workers);
    //@ assert worker < FTUN_WORKERS_MAX;
}

int main(void)
{
    any_bytes(packet, sizeof packet);
    //@ loop unroll 81;
    for (size_t len = 0; len <= sizeof packet; len++)
        steer(len);
    //@ loop unroll 64;
    for (uint32_t workers = 1; workers <= FTUN_WORKERS_MAX; workers++) {
        const uint32_t worker = (uint32_t)any_size(0, workers - 1);
        const struct ftun_port_classes classes = ftun_steering_classes(worker, workers);
    }
    const struct ftun_port_classes classes = {.first = (uint8_t)any_size(0, 63),
                                              .count = (uint8_t)any_size(1, 64)};
    const uint16_t first = (uint16_t)any_size(1, UINT16_MAX - FTUN_PORT_CLASSES + 1);
    const struct ftun_port_range range = {
        .first = first, .last = (uint16_t)any_size(first + FTUN_PORT_CLASSES - 1, UINT16_MAX)};
    const uint16_t port = ftun_steering_port(range, classes, any_u64());
    return 0;
}
