/* A set of port numbers, and the way that the kernel writes one: "22,8000-8079". */
#ifndef FTUN_IO_PORT_SET_H
#define FTUN_IO_PORT_SET_H

#include "steering.h"

#include <stdio.h>

struct ftun_port_set {
    uint64_t bits[65536 / 64];
};

void ftun_port_set_add(struct ftun_port_set *set, uint16_t port);
void ftun_port_set_remove(struct ftun_port_set *set, uint16_t port);
bool ftun_port_set_contains(const struct ftun_port_set *set, uint16_t port);
bool ftun_port_set_is_empty(const struct ftun_port_set *set);

/* Have they a port in common? */
bool ftun_port_set_meets(const struct ftun_port_set *set, struct ftun_port_range range);

/* Read one from the start of `text`, up to what is not part of it; spaces before it are skipped.
 * False when that would be no port, or a range that ends before it begins. */
bool ftun_port_set_parse(const char *text, struct ftun_port_set *set);

/* Write it, without a newline; nothing for an empty set. */
void ftun_port_set_write(FILE *out, const struct ftun_port_set *set);

#endif
