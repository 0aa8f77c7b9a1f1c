/* The TCP ports that a client of the divert attachment has for itself: a block that the kernel does
 * not choose from for its own connections (net.ipv4.ip_local_reserved_ports) as long as ftun runs.
 *
 * What each instance has reserved is in /run/ftun/net-<cookie>/ports-<pid> (see sysctls.h), which
 * it holds (flock) while it lives: of a dead one, the next client to start takes it back. A second
 * line there says the block, which no other has, reserved or not.
 *
 * Callers have the lock (setup_lock.h). */
#ifndef FTUN_IO_CLIENT_PORTS_H
#define FTUN_IO_CLIENT_PORTS_H

#include "error.h"
#include "port_set.h"
#include "remotes.h"

struct ftun_client_ports {
    char path[96]; /* of the file */
    int fd;        /* -1: not open */
    struct ftun_port_range range;
};

#define FTUN_CLIENT_PORTS_NONE \
    {                          \
        .fd = -1               \
    }

/* Where a free block of `size` ports begins that meets none of `taken`: aligned to
 * FTUN_PORT_CLASSES, inside FTUN_PORT_FIRST to FTUN_PORT_LAST, searched from a place that the
 * random number `draw` says. Where there is none so large, one of half the size, and so on. False
 * when there are not even FTUN_PORT_CLASSES together. */
bool ftun_client_ports_choose(const struct ftun_port_set *taken, uint32_t size, uint64_t draw,
                              struct ftun_port_range *out);

/* How many ports are wanted for as many flows at a time; 0: not known. */
uint32_t ftun_client_ports_size(uint32_t flows);

/* Reserve a block of `size` ports, from which this host has no connection to `remotes`, which no
 * other instance has; or `wanted`, unless its first is 0. What the kernel would not choose by
 * itself needs no reservation. `directory` is that of struct ftun_sysctls. */
bool ftun_client_ports_open(struct ftun_client_ports *ports, const char *directory,
                            const struct ftun_remotes *remotes, struct ftun_port_range wanted,
                            uint32_t size, struct ftun_error *error);

/* Take back the reservation. Nothing when not open. */
void ftun_client_ports_close(struct ftun_client_ports *ports);

#endif
