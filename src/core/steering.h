/* Which of several workers, each an endpoint of its own, a flow belongs to: the client's TCP port
 * decides, the same way at both ends. Its low six bits are the flow's *class*; the classes are
 * shared out evenly among the workers in order. A client that connects anew stays within the
 * class, so its flow arrives at the server's worker that has it, however many workers either end
 * has (docs/workers.md). */
#ifndef FTUN_CORE_STEERING_H
#define FTUN_CORE_STEERING_H

#include "limits.h"

#include <stdbool.h>
#include <stddef.h>

/* The worker, below `workers`, of a client's port; `workers` is 1 to FTUN_WORKERS_MAX. */
static inline uint32_t ftun_steering_worker(uint16_t port, uint32_t workers)
{
    return (port % FTUN_PORT_CLASSES * workers) / FTUN_PORT_CLASSES;
}

/* A client's own ports, both ends included: at least FTUN_PORT_CLASSES of them. */
struct ftun_port_range {
    uint16_t first, last;
};

/* Neighbouring classes. */
struct ftun_port_classes {
    uint8_t first, count;
};

/* The classes of `worker`. */
struct ftun_port_classes ftun_steering_classes(uint32_t worker, uint32_t workers);

/* A client's port of this range and one of these classes, chosen by a random number. */
uint16_t ftun_steering_port(struct ftun_port_range range, struct ftun_port_classes classes,
                            uint64_t draw);

/* What the kernel does with a packet (src/io/steering_program.c): the worker that it is given to,
 * by its source port where that is the client's, else by its destination port. A fragment, an ICMP
 * message, an IPv6 packet with extension headers, and what cannot be read, go to worker 0, which
 * finds out whose they are. */
uint32_t ftun_steering_of_packet(const uint8_t *packet, size_t len, bool by_source,
                                 uint32_t workers);

#endif
