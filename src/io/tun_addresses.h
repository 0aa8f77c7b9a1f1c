/* Which addresses the TUN gets when the user names none: free ones, the same ones after a restart.
 *
 * The k-th instance of a role on a host has Phantun's default addresses plus 4 k: a client
 * 192.168.200.1 and .2 (fcc8::1, fcc8::2), the next 192.168.200.5 and .6 (fcc8::5, fcc8::6); a
 * server the same in 192.168.201 (fcc9::). Deterministic on purpose: after a crash and restart,
 * conntrack entries of living flows still point to the right place. */
#ifndef FTUN_IO_TUN_ADDRESSES_H
#define FTUN_IO_TUN_ADDRESSES_H

#include "attachment.h"

/* Phantun's default, and that of --setup=none: the first of the sequence. */
struct ftun_tun_addresses ftun_tun_addresses_default(enum ftun_role role, enum ftun_family family);

/* The first pair that no route of the host covers. False when there is none. */
bool ftun_tun_addresses_choose(enum ftun_role role, enum ftun_family family,
                               struct ftun_tun_addresses *out, struct ftun_error *error);

#endif
