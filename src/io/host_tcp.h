/* How this host's own TCP is set up, as far as others can see it. */
#ifndef FTUN_IO_HOST_TCP_H
#define FTUN_IO_HOST_TCP_H

#include "profile.h"

/* What profiles take from the host: the receive space and window scale of a new socket in this
 * network namespace. What cannot be read is left at 0. */
struct ftun_host ftun_host_tcp(void);

/* The same from the texts of net.ipv4.tcp_rmem and net.core.rmem_max. */
struct ftun_host ftun_host_tcp_of(const char *tcp_rmem, const char *rmem_max);

#endif
