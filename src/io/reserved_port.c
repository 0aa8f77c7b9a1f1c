/* A socket that is bound but does not listen: the kernel's own programs cannot take the port, and
 * a second ftun finds it taken. The tunnel's packets do not reach it. */
#include "reserved_port.h"

#include "sockaddr.h"
#include "sockets.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static int reserve(enum ftun_family family, uint16_t port)
{
    const struct ftun_socket_address any = {.ip.family = (uint8_t)family, .port = port};
    const union ftun_sockaddr address = ftun_sockaddr_from_core(&any);
    const int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    const int on = 1;
    if (family == FTUN_IPV6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, &address.any, ftun_sockaddr_len(&address)) == 0)
        return fd;
    const int cause = errno;
    close(fd);
    errno = cause;
    return -1;
}

static bool explain(uint16_t port, int cause, struct ftun_error *error)
{
    struct ftun_socket_owner owner;
    if (cause == EADDRINUSE && ftun_sockets_owner(port, &owner))
        return ftun_fail(error, "TCP port %u is in use by %s (pid %d); choose another --local",
                         port, owner.program, (int)owner.pid);
    if (cause == EADDRINUSE)
        return ftun_fail(error,
                         "TCP port %u is in use by another program (ss -tlnp sport = "
                         ":%u names it); choose another --local",
                         port, port);
    return ftun_fail(error, "cannot reserve TCP port %u: %s", port, strerror(cause));
}

bool ftun_reserved_port_open(struct ftun_reserved_port *reserved, uint16_t port, bool ipv4,
                             bool ipv6, struct ftun_error *error)
{
    const bool wanted[2] = {ipv4, ipv6};
    *reserved = (struct ftun_reserved_port)FTUN_RESERVED_PORT_NONE;
    for (int i = 0; i < 2; i++) {
        if (!wanted[i])
            continue;
        reserved->fd[i] = reserve(i == 0 ? FTUN_IPV4 : FTUN_IPV6, port);
        if (reserved->fd[i] < 0)
            return explain(port, errno, error);
    }
    return true;
}

void ftun_reserved_port_close(struct ftun_reserved_port *reserved)
{
    for (int i = 0; i < 2; i++) {
        if (reserved->fd[i] >= 0)
            close(reserved->fd[i]);
        reserved->fd[i] = -1;
    }
}
