#include "udp.h"

#include "fail.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>

enum { BUFFER_BYTES = 16 << 20 };

/* Beyond net.core.[rw]mem_max if we may, else up to it. */
static void enlarge(int socket, int forced, int capped)
{
    const int bytes = BUFFER_BYTES;

    if (setsockopt(socket, SOL_SOCKET, forced, &bytes, sizeof bytes) != 0)
        setsockopt(socket, SOL_SOCKET, capped, &bytes, sizeof bytes);
}

static int open_socket(const struct address *address)
{
    const int opened = socket(address->storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (opened < 0)
        fail("cannot open a UDP socket: %s", strerror(errno));
    enlarge(opened, SO_RCVBUFFORCE, SO_RCVBUF);
    enlarge(opened, SO_SNDBUFFORCE, SO_SNDBUF);
    udp_set_patience(opened, UDP_PATIENCE_MS);
    return opened;
}

static void fail_at(const char *attempt, const struct address *address)
{
    const char *reason = strerror(errno);
    char text[ADDRESS_TEXT_ROOM];

    address_format(address, text);
    fail("cannot %s %s: %s", attempt, text, reason);
}

int udp_listen(const struct address *address)
{
    const int opened = open_socket(address);

    if (bind(opened, (const struct sockaddr *)&address->storage, address->length) != 0)
        fail_at("listen on", address);
    return opened;
}

int udp_connect(const struct address *address)
{
    const int opened = open_socket(address);

    if (connect(opened, (const struct sockaddr *)&address->storage, address->length) != 0)
        fail_at("send to", address);
    return opened;
}

void udp_receive_glued(int socket)
{
    const int on = 1;

    if (setsockopt(socket, SOL_UDP, UDP_GRO, &on, sizeof on) != 0)
        fail("this kernel has no UDP_GRO: %s", strerror(errno));
}

void udp_set_patience(int socket, unsigned milliseconds)
{
    const struct timeval patience = {
        .tv_sec = milliseconds / 1000,
        .tv_usec = (suseconds_t)(milliseconds % 1000) * 1000,
    };

    if (setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 ||
        setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) != 0)
        fail("cannot set a time limit on a socket: %s", strerror(errno));
}

size_t udp_receive_room(int socket)
{
    int bytes = 0;
    socklen_t length = sizeof bytes;

    if (getsockopt(socket, SOL_SOCKET, SO_RCVBUF, &bytes, &length) != 0)
        fail("cannot ask for the size of a receive buffer: %s", strerror(errno));
    return (size_t)bytes;
}

uint64_t udp_dropped(int socket)
{
    uint32_t figures[SK_MEMINFO_VARS] = {0};
    socklen_t length = sizeof figures;

    if (getsockopt(socket, SOL_SOCKET, SO_MEMINFO, figures, &length) != 0)
        fail("cannot ask a socket what it dropped: %s", strerror(errno));
    return figures[SK_MEMINFO_DROPS];
}

void udp_allow_many_sockets(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}
