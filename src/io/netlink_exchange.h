/* One request to the kernel by netlink, and its whole answer (libmnl). */
#ifndef FTUN_IO_NETLINK_EXCHANGE_H
#define FTUN_IO_NETLINK_EXCHANGE_H

#include <libmnl/libmnl.h>
#include <stdbool.h>

enum { FTUN_NETLINK_MESSAGE_MAX = 32768 }; /* bytes: what the kernel packs into a part of a dump */

struct ftun_netlink_message {
    _Alignas(struct nlmsghdr) char bytes[FTUN_NETLINK_MESSAGE_MAX];
};

/* Begin a request of this type. */
struct nlmsghdr *ftun_netlink_start(struct ftun_netlink_message *message, int type, unsigned flags);

/* Send it to `protocol` (NETLINK_ROUTE and its like), and give `callback` each part of the answer.
 * False with errno. */
bool ftun_netlink_exchange(int protocol, struct nlmsghdr *request, mnl_cb_t callback, void *data);

#endif
