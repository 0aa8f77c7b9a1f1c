#include "firewall.h"

#include <errno.h>
#include <linux/netlink.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* libnftables ends the process when it cannot open its socket: ask before it does. */
static bool kernel_answers(struct ftun_error *error)
{
    const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    if (fd >= 0) {
        close(fd);
        return true;
    }
    return ftun_fail(error,
                     "nftables is missing: the kernel has no netfilter netlink (%s); load "
                     "nf_tables, or use --setup=none with rules of your own (ftun rules)",
                     strerror(errno));
}

/* The first line of what nft printed. */
static void first_line(const char *output, char *out, size_t capacity)
{
    size_t len = strcspn(output, "\n");
    if (len >= capacity)
        len = capacity - 1;
    memcpy(out, output, len);
    out[len] = '\0';
}

static struct nft_ctx *open_context(struct ftun_error *error)
{
    if (!kernel_answers(error))
        return NULL;
    struct nft_ctx *context = nft_ctx_new(NFT_CTX_DEFAULT);
    if (context == NULL) {
        ftun_fail(error, "cannot start libnftables: %s", strerror(errno));
        return NULL;
    }
    nft_ctx_buffer_error(context);
    nft_ctx_buffer_output(context);
    return context;
}

static bool run(struct nft_ctx *context, const char *commands, struct ftun_error *error)
{
    if (nft_run_cmd_from_buffer(context, commands) == 0)
        return true;
    char cause[256];
    first_line(nft_ctx_get_error_buffer(context), cause, sizeof cause);
    return ftun_fail(error,
                     "nftables refused ftun's table: %s; Linux 5.12 or later with "
                     "nf_tables and nft_nat is needed, or --setup=none with rules of your "
                     "own (ftun rules)",
                     cause);
}

static bool load_first(struct ftun_firewall *firewall, const char *ruleset,
                       struct ftun_error *error)
{
    firewall->context = open_context(error);
    if (firewall->context == NULL)
        return false;
    if (run(firewall->context, ruleset, error))
        return true;
    ftun_firewall_close(firewall);
    return false;
}

/* What one call is given is one transaction. */
static bool replace(const struct ftun_firewall *firewall, const char *table, const char *ruleset,
                    struct ftun_error *error)
{
    char *commands;
    if (asprintf(&commands, "delete table %s\n%s", table, ruleset) < 0)
        return ftun_fail(error, "out of memory");
    const bool done = run(firewall->context, commands, error);
    free(commands);
    return done;
}

bool ftun_firewall_load(struct ftun_firewall *firewall, const char *table, const char *ruleset,
                        struct ftun_error *error)
{
    if (firewall->loaded != NULL && strcmp(firewall->loaded, ruleset) == 0)
        return true;
    const bool done = firewall->context == NULL ? load_first(firewall, ruleset, error)
                                                : replace(firewall, table, ruleset, error);
    if (!done)
        return false;
    free(firewall->loaded);
    firewall->loaded = strdup(ruleset);
    return true;
}

void ftun_firewall_close(struct ftun_firewall *firewall)
{
    if (firewall->context != NULL)
        nft_ctx_free(firewall->context);
    free(firewall->loaded);
    *firewall = (struct ftun_firewall){0};
}
