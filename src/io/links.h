/* The links that carry the tunnel's packets, as the host's routes are now. */
#ifndef FTUN_IO_LINKS_H
#define FTUN_IO_LINKS_H

#include "netlink.h"
#include "remotes.h"

enum { FTUN_LINKS_MAX = 512 };

struct ftun_links {
    int count;
    struct ftun_link at[FTUN_LINKS_MAX];
};

/* All links of the host. False when there are too many of them, too. */
bool ftun_links_all(struct ftun_links *links, struct ftun_error *error);

/* Of `all`, those that are up and by which clients may reach a server: any but loopback, `tun` and
 * other links of ftun's. */
void ftun_links_of_server(const struct ftun_links *all, const char *tun, struct ftun_links *out);

/* Leave out those that have none of `count` names; none is left out when there are no names. */
void ftun_links_keep_named(struct ftun_links *links, const char (*names)[IFNAMSIZ], size_t count);

/* Of `all`, those from which packets are taken off: any but loopback, `tun`, and what is part of
 * another (a bridge's port, a bond's). When there are `count` names, only those, whatever they are
 * part of. One that is down is among them: when it comes up, nobody has to be told first. */
void ftun_links_of_divert(const struct ftun_links *all, const char *tun,
                          const char (*names)[IFNAMSIZ], size_t count, struct ftun_links *out);

/* Of `all`, those by which the routes to a client's servers go, of packets with this mark. */
void ftun_links_of_client(const struct ftun_links *all, const struct ftun_remotes *remotes,
                          uint32_t mark, struct ftun_links *out);

/* The same link, under the same name? */
bool ftun_links_contain(const struct ftun_links *links, const struct ftun_link *link);

/* The largest MTU of the links, in bytes; 0 when there are none. */
uint32_t ftun_links_mtu(const struct ftun_links *links);

#endif
