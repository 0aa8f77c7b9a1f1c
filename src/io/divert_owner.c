#include "divert_owner.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Not connected, so that it stands for no peer; bound, as the map takes no other; to a port of the
 * host itself, where it takes nothing. */
static bool make(int fd)
{
    const int on = 1;
    const struct sockaddr_in host = {.sin_family = AF_INET,
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof on) == 0 &&
           bind(fd, (const struct sockaddr *)&host, sizeof host) == 0;
}

int ftun_divert_owner_open(int map, struct ftun_error *error)
{
    const uint32_t only = 0;
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const uint64_t value = (uint64_t)fd;
    if (fd >= 0 && make(fd) && bpf_map_update_elem(map, &only, &value, BPF_ANY) == 0)
        return fd;
    ftun_fail(error, "cannot give the BPF programs a socket: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}
