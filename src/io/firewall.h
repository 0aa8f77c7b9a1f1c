/* nftables: one table that dies with the process. */
#ifndef FTUN_IO_FIREWALL_H
#define FTUN_IO_FIREWALL_H

#include "error.h"

struct nft_ctx;

struct ftun_firewall {
    struct nft_ctx *context; /* NULL: not open. The table lives as long as it. */
};

/* Load a ruleset written in nft's language. Its tables have `flags owner`: the kernel removes them
 * when the firewall is closed or the process dies, and keeps other programs from flushing them. */
bool ftun_firewall_load(struct ftun_firewall *firewall, const char *ruleset,
                        struct ftun_error *error);

/* Remove what was loaded. Nothing when not open. */
void ftun_firewall_close(struct ftun_firewall *firewall);

#endif
