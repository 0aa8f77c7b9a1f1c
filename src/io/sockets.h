/* TCP sockets of this host, of whichever program, through sock_diag. */
#ifndef FTUN_IO_SOCKETS_H
#define FTUN_IO_SOCKETS_H

#include "address.h"
#include "port_set.h"

#include <sys/types.h>

struct ftun_socket_owner {
    pid_t pid;
    char program[16]; /* TASK_COMM_LEN, as /proc/PID/comm has it */
};

/* Who listens on a TCP port, or is only bound to it (which kernels tell since Linux 6.8). False
 * when that cannot be seen: nobody is, it is a socket of the kernel's own, or of another's that
 * this process may not look at. */
bool ftun_sockets_owner(uint16_t port, struct ftun_socket_owner *owner);

/* Add to `ports` those local ones from which this host has connections to `remote`, of whatever
 * state. False when the kernel does not tell. */
bool ftun_sockets_connected(const struct ftun_socket_address *remote, struct ftun_port_set *ports);

#endif
