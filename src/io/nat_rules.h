/* What the NAT attachment asks of a firewall, as text: for libnftables, and for people. */
#ifndef FTUN_IO_NAT_RULES_H
#define FTUN_IO_NAT_RULES_H

#include "attachment.h"

#include <stdio.h>

/* A link on which ftun has switched forwarding on: only towards ftun's own links. */
struct ftun_guarded_link {
    char name[IFNAMSIZ];
    bool ipv4, ipv6;
};

struct ftun_nat_guard {
    const struct ftun_guarded_link *links;
    size_t count;
    bool all_ipv6; /* IPv6 has been switched on for all links at once */
};

enum { FTUN_NAT_TABLE_MAX = IFNAMSIZ + 16 };

/* The family and name of the table: "inet ftun_<tun_name>". Returns `out`. */
const char *ftun_nat_table(const char *tun_name, char out[FTUN_NAT_TABLE_MAX]);

/* Write that nft table. `owned`: with `flags owner`, for a table that shall die with
 * its process. */
void ftun_nat_write_nft(FILE *out, const struct ftun_attachment_plan *plan, const char *tun_name,
                        const struct ftun_nat_guard *guard, bool owned);

/* Write the same as iptables and ip6tables commands. */
void ftun_nat_write_iptables(FILE *out, const struct ftun_attachment_plan *plan,
                             const char *tun_name);

#endif
