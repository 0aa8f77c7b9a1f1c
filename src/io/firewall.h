/* nftables: one table that dies with the process. */
#ifndef FTUN_IO_FIREWALL_H
#define FTUN_IO_FIREWALL_H

#include "error.h"

struct nft_ctx;

struct ftun_firewall {
    struct nft_ctx *context; /* NULL: not open. The table lives as long as it. */
    char *loaded;            /* the ruleset */
};

/* Load a ruleset written in nft's language that defines `table` ("inet NAME"). The table has
 * `flags owner`: the kernel removes it when the firewall is closed or the process dies, and keeps
 * other programs from flushing it. When one was loaded before, this one replaces it in one step, no
 * packet meets neither; on error it stays. */
bool ftun_firewall_load(struct ftun_firewall *firewall, const char *table, const char *ruleset,
                        struct ftun_error *error);

/* Remove what was loaded. Nothing when not open. */
void ftun_firewall_close(struct ftun_firewall *firewall);

#endif
