/* Forwarding between the TUN and the links of the host, and nowhere else. */
#ifndef FTUN_IO_FORWARDING_H
#define FTUN_IO_FORWARDING_H

#include "links.h"
#include "nat_rules.h"
#include "sysctls.h"

/* Switch it on for packets from the TUN. A link of ftun's own: nothing to put back. */
bool ftun_forwarding_from_tun(const char *tun, enum ftun_family family, struct ftun_error *error);

/* Switch it on for packets from `links`. May be called again, for other links. */
bool ftun_forwarding_from_links(struct ftun_sysctls *sysctls, const char *tun,
                                enum ftun_family family, const struct ftun_links *links,
                                struct ftun_error *error);

/* Those of `links` on which the host would not forward without ftun, now or once
 * ftun_forwarding_from_links() has been called; `guarded` has room for all. Returns how many. */
size_t ftun_forwarding_guarded(const struct ftun_sysctls *sysctls, const struct ftun_links *links,
                               bool ipv4, bool ipv6, struct ftun_guarded_link *guarded);

/* The same, of IPv6 on a kernel that has no switch for each link. */
bool ftun_forwarding_ipv6_everywhere(const struct ftun_sysctls *sysctls, const char *tun);

#endif
