/* What this process may do beyond what everybody may: less, once everything is set up. */
#ifndef FTUN_IO_PRIVILEGES_H
#define FTUN_IO_PRIVILEGES_H

#include "error.h"

/* What is needed besides CAP_NET_ADMIN, by which links, addresses, rules and sysctls of the network
 * are set, and a TUN made again. */
struct ftun_privileges {
    bool low_port; /* bind sockets to a port below 1024 */
    bool bpf_maps; /* change BPF maps that are open already */
};

/* Keep these capabilities, of those that there are, and give up all others for ever, for this
 * thread and those that it will begin: from all sets, and programs that it might run can get none
 * back (no_new_privs). Before threads begin. */
bool ftun_privileges_keep(const struct ftun_privileges *needed, struct ftun_error *error);

#endif
