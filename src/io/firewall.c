#include "firewall.h"

#include <errno.h>
#include <linux/netlink.h>
#include <nftables/libnftables.h>
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

bool ftun_firewall_load(struct ftun_firewall *firewall, const char *ruleset,
                        struct ftun_error *error)
{
    firewall->context = NULL;
    if (!kernel_answers(error))
        return false;
    struct nft_ctx *context = nft_ctx_new(NFT_CTX_DEFAULT);
    if (context == NULL)
        return ftun_fail(error, "cannot start libnftables: %s", strerror(errno));
    nft_ctx_buffer_error(context);
    nft_ctx_buffer_output(context);
    if (nft_run_cmd_from_buffer(context, ruleset) == 0) {
        firewall->context = context;
        return true;
    }
    char cause[256];
    first_line(nft_ctx_get_error_buffer(context), cause, sizeof cause);
    nft_ctx_free(context);
    return ftun_fail(error,
                     "nftables refused ftun's table: %s; Linux 5.12 or later with "
                     "nf_tables and nft_nat is needed, or --setup=none with rules of your "
                     "own (ftun rules)",
                     cause);
}

void ftun_firewall_close(struct ftun_firewall *firewall)
{
    if (firewall->context != NULL)
        nft_ctx_free(firewall->context);
    firewall->context = NULL;
}
