/* The kernel's socket addresses to the core's and back. */
#ifndef FTUN_IO_SOCKADDR_H
#define FTUN_IO_SOCKADDR_H

#include "address.h"

#include <netinet/in.h>
#include <sys/socket.h>

union ftun_sockaddr {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

/* Length of the address in use, for bind() and its like; in bytes. */
socklen_t ftun_sockaddr_len(const union ftun_sockaddr *address);

/* The family of the result is NONE for anything but IPv4 and IPv6. IPv4-mapped IPv6 addresses
 * become IPv4. */
struct ftun_socket_address ftun_sockaddr_to_core(const union ftun_sockaddr *address);

union ftun_sockaddr ftun_sockaddr_from_core(const struct ftun_socket_address *address);

#endif
