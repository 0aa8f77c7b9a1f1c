/* A TCP port that is kept from the kernel's own programs, without listening on it. */
#ifndef FTUN_IO_RESERVED_PORT_H
#define FTUN_IO_RESERVED_PORT_H

#include "error.h"

#include <stdint.h>

struct ftun_reserved_port {
    int fd[2]; /* sockets of IPv4 and IPv6; -1 */
};

#define FTUN_RESERVED_PORT_NONE \
    {                           \
        .fd = { -1, -1 }        \
    }

/* Reserve `port` in the families wanted, on all addresses. False when another program has it. What
 * is reserved by then is to be closed. */
bool ftun_reserved_port_open(struct ftun_reserved_port *reserved, uint16_t port, bool ipv4,
                             bool ipv6, struct ftun_error *error);

/* Nothing when not open. */
void ftun_reserved_port_close(struct ftun_reserved_port *reserved);

#endif
