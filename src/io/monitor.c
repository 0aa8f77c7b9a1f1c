#include "monitor.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

static const unsigned groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
                               RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE | RTMGRP_IPV4_RULE |
                               1u << (RTNLGRP_IPV6_RULE - 1); /* for which there is no RTMGRP_ */

bool ftun_monitor_open(struct ftun_monitor *monitor, struct ftun_error *error)
{
    monitor->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (monitor->socket != NULL &&
        mnl_socket_bind(monitor->socket, groups, MNL_SOCKET_AUTOPID) == 0) {
        monitor->fd = mnl_socket_get_fd(monitor->socket);
        return true;
    }
    ftun_fail(error, "cannot watch the network interfaces: %s", strerror(errno));
    ftun_monitor_close(monitor);
    return false;
}

/* MSG_TRUNC: the messages may be longer, nobody reads them. ENOBUFS: some were lost, which is told
 * once and then forgotten. */
void ftun_monitor_drain(const struct ftun_monitor *monitor)
{
    char unread[1];
    while (recv(monitor->fd, unread, sizeof unread, MSG_TRUNC | MSG_DONTWAIT) > 0 ||
           errno == ENOBUFS || errno == EINTR)
        ;
}

void ftun_monitor_close(struct ftun_monitor *monitor)
{
    if (monitor->socket != NULL)
        mnl_socket_close(monitor->socket);
    *monitor = (struct ftun_monitor){.fd = -1};
}
