/* The kernel's word when links, addresses, routes or their rules change. */
#ifndef FTUN_IO_MONITOR_H
#define FTUN_IO_MONITOR_H

#include "error.h"

struct mnl_socket;

struct ftun_monitor {
    struct mnl_socket *socket; /* NULL: not open */
    int fd;                    /* readable when something has changed */
};

bool ftun_monitor_open(struct ftun_monitor *monitor, struct ftun_error *error);

/* Read what there is. What has changed is not told: look at the state itself, which is true even
 * when the kernel had more to tell than the socket could hold. */
void ftun_monitor_drain(const struct ftun_monitor *monitor);

/* Nothing when not open. */
void ftun_monitor_close(struct ftun_monitor *monitor);

#endif
