/* The addresses of a client's server, best first. */
#ifndef FTUN_IO_REMOTES_H
#define FTUN_IO_REMOTES_H

#include "endpoint.h"

struct ftun_remotes {
    size_t count;
    struct ftun_socket_address at[FTUN_REMOTES_MAX];
};

/* Append an address unless it is there already, or there is no room. */
void ftun_remotes_add(struct ftun_remotes *remotes, const struct ftun_socket_address *address);

/* Of `count` addresses in the resolver's order, those that `remotes` has room for, the families in
 * turn (RFC 8305 4): when one of them does not work here, the second attempt is of the other.
 * `first` begins, if there is one of it; with FTUN_FAMILY_NONE the family of the first address. */
void ftun_remotes_interleave(struct ftun_remotes *remotes,
                             const struct ftun_socket_address *addresses, size_t count,
                             enum ftun_family first);

bool ftun_remotes_have_family(const struct ftun_remotes *remotes, enum ftun_family family);

/* The same addresses, in whatever order: name servers turn their lists to share the load. */
bool ftun_remotes_equal(const struct ftun_remotes *a, const struct ftun_remotes *b);

#endif
