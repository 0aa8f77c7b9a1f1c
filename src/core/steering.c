#include "steering.h"

#include "bytes.h"
#include "ip.h"

struct ftun_port_classes ftun_steering_classes(uint32_t worker, uint32_t workers)
{
    const uint32_t first = (worker * FTUN_PORT_CLASSES + workers - 1) / workers;
    const uint32_t end = ((worker + 1) * FTUN_PORT_CLASSES + workers - 1) / workers;
    return (struct ftun_port_classes){.first = (uint8_t)first, .count = (uint8_t)(end - first)};
}

uint16_t ftun_steering_port(struct ftun_port_range range, struct ftun_port_classes classes,
                            uint64_t draw)
{
    const uint32_t port_class = classes.first + (uint32_t)(draw % classes.count);
    const uint32_t first = range.first + (port_class - range.first) % FTUN_PORT_CLASSES;
    const uint32_t ports = (range.last - first) / FTUN_PORT_CLASSES + 1;
    return (uint16_t)(first + draw / classes.count % ports * FTUN_PORT_CLASSES);
}

/* True when a whole TCP segment comes next to the IP header, whose length is `header_len`. */
static bool carries_segment(const uint8_t *packet, size_t len, size_t *header_len)
{
    if (len < 10) /* as far as is looked at here */
        return false;
    if (packet[0] >> 4 == 6) {
        *header_len = FTUN_IPV6_HEADER;
        return packet[6] == FTUN_PROTOCOL_TCP;
    }
    const unsigned fragment = ftun_load_be16(packet + 6) & 0x3fffu; /* offset, and "more" */
    *header_len = (packet[0] & 0x0fu) * 4u;
    return packet[0] >> 4 == 4 && packet[9] == FTUN_PROTOCOL_TCP && fragment == 0;
}

uint32_t ftun_steering_of_packet(const uint8_t *packet, size_t len, bool by_source,
                                 uint32_t workers)
{
    size_t header_len;
    if (!carries_segment(packet, len, &header_len))
        return 0;
    const size_t port = header_len + (by_source ? 0 : 2);
    return port + 2 > len ? 0 : ftun_steering_worker(ftun_load_be16(packet + port), workers);
}
