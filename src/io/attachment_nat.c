/* The order matters: TUN, addresses, rules, forwarding, and only then does ftun listen. Packets
 * that come before the rules exist would be answered by the host with RST; a link that forwards
 * before its guard exists would be an open router. Taking down goes the other way round. */
#include "attachment_state.h"
#include "forwarding.h"
#include "nat_rules.h"
#include "tun_addresses.h"

#include <stdio.h>
#include <stdlib.h>

/* --- addresses ---------------------------------------------------------------------------- */

static bool give_addresses(struct ftun_attachment *a, enum ftun_family family,
                           struct ftun_tun_addresses *addresses, struct ftun_error *error)
{
    if (addresses->own.family == FTUN_FAMILY_NONE &&
        !ftun_tun_addresses_choose(a->plan.role, family, addresses, error))
        return false;
    return ftun_netlink_add_address(a->tun.name, &addresses->host, &addresses->own, error);
}

static bool set_up_tun(struct ftun_attachment *a, struct ftun_error *error)
{
    return ftun_attachment_set_tun_up(a, error) &&
           (!a->plan.ipv4 || give_addresses(a, FTUN_IPV4, &a->plan.tun4, error)) &&
           (!a->plan.ipv6 || give_addresses(a, FTUN_IPV6, &a->plan.tun6, error));
}

/* --- rules -------------------------------------------------------------------------------- */

/* The families whose packets come and go by the links. A client does not touch IPv6 for a name that
 * has IPv4 addresses alone. */
static bool carries(const struct ftun_attachment *a, enum ftun_family family)
{
    const bool planned = family == FTUN_IPV6 ? a->plan.ipv6 : a->plan.ipv4;
    return planned &&
           (a->plan.role == FTUN_SERVER || ftun_remotes_have_family(&a->plan.remotes, family));
}

static bool load_rules(struct ftun_attachment *a, struct ftun_error *error)
{
    const bool ipv6 = carries(a, FTUN_IPV6);
    struct ftun_guarded_link guarded[FTUN_LINKS_MAX];
    const struct ftun_nat_guard guard = {
        .links = guarded,
        .count =
            ftun_forwarding_guarded(&a->sysctls, &a->links, carries(a, FTUN_IPV4), ipv6, guarded),
        .all_ipv6 = ipv6 && ftun_forwarding_ipv6_everywhere(&a->sysctls, a->tun.name),
    };
    char table[FTUN_NAT_TABLE_MAX];
    char *ruleset = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&ruleset, &len);
    if (out == NULL)
        return ftun_fail(error, "out of memory");
    ftun_nat_write_nft(out, &a->plan, a->tun.name, &guard, true);
    fclose(out);
    ftun_nat_table(a->tun.name, table);
    const bool done = ftun_firewall_load(&a->firewall, table, ruleset, error);
    free(ruleset);
    return done;
}

/* --- forwarding --------------------------------------------------------------------------- */

static bool forward_family(struct ftun_attachment *a, enum ftun_family family,
                           struct ftun_error *error)
{
    return !carries(a, family) ||
           ftun_forwarding_from_links(&a->sysctls, a->tun.name, family, &a->links, error);
}

static bool forward_from_tun(const struct ftun_attachment *a, struct ftun_error *error)
{
    return (!a->plan.ipv4 || ftun_forwarding_from_tun(a->tun.name, FTUN_IPV4, error)) &&
           (!a->plan.ipv6 || ftun_forwarding_from_tun(a->tun.name, FTUN_IPV6, error));
}

/* What it was switched on for before, and may still be, stays: a flow may come that way again. */
static bool note_links(struct ftun_attachment *a, bool *more, struct ftun_error *error)
{
    struct ftun_links all;
    struct ftun_links concerned;
    if (!ftun_links_all(&all, error))
        return false;
    if (a->plan.role == FTUN_SERVER) {
        ftun_links_of_server(&all, a->tun.name, &concerned);
        ftun_links_keep_named(&concerned, a->plan.choices.links, a->plan.choices.link_count);
    } else
        ftun_links_of_client(&all, &a->plan.remotes, a->plan.choices.mark, &concerned);
    *more = false;
    const struct ftun_links before = a->links;
    a->links.count = 0;
    for (int i = 0; i < all.count; i++) {
        const bool had = ftun_links_contain(&before, &all.at[i]);
        const bool wanted = ftun_links_contain(&concerned, &all.at[i]);
        if (had || wanted)
            a->links.at[a->links.count++] = all.at[i];
        *more = *more || (wanted && !had);
    }
    return true;
}

/* The guard before what it guards. */
static bool open_links(struct ftun_attachment *a, struct ftun_error *error)
{
    return load_rules(a, error) && forward_family(a, FTUN_IPV4, error) &&
           forward_family(a, FTUN_IPV6, error);
}

/* --- all together ------------------------------------------------------------------------- */

static void take_down(struct ftun_attachment *a)
{
    ftun_sysctls_close(&a->sysctls);
    ftun_firewall_close(&a->firewall);
    ftun_attachment_close_tun(a);
    ftun_reserved_port_close(&a->reserved);
}

/* The DNAT rule is before the reserved port. */
static bool set_up(struct ftun_attachment *a, struct ftun_error *error)
{
    const struct ftun_attachment_plan *plan = &a->plan;
    bool more;
    if (plan->role == FTUN_SERVER &&
        !ftun_reserved_port_open(&a->reserved, plan->port, plan->ipv4, plan->ipv6, error))
        return false;
    a->ports = ftun_attachment_plan_ports(plan);
    a->hops = 1; /* from the TUN the host forwards */
    return ftun_attachment_open_tun(a, plan->tun_name, error) &&
           ftun_sysctls_open(&a->sysctls, error) && note_links(a, &more, error) &&
           set_up_tun(a, error) && open_links(a, error) && forward_from_tun(a, error);
}

/* The guard is there already: a table names its links, and does not mind that one is gone. */
static bool set_up_again(struct ftun_attachment *a, struct ftun_error *error)
{
    return ftun_attachment_open_tun_again(a, error) && set_up_tun(a, error) &&
           forward_from_tun(a, error);
}

static enum ftun_follow_result
follow_nat(struct ftun_attachment *a, const struct ftun_remotes *before, struct ftun_error *error)
{
    const struct ftun_links links_before = a->links;
    bool more = false;
    if (!note_links(a, &more, error))
        return FTUN_FOLLOW_FAILED;
    if (!more && ftun_remotes_equal(&a->plan.remotes, before))
        return FTUN_FOLLOWED;
    const enum ftun_follow_result result = ftun_attachment_try_locked(a, open_links, error);
    if (result != FTUN_FOLLOWED) /* so that the next try finds the difference again */
        a->links = links_before;
    return result;
}

const struct ftun_attachment_way ftun_attachment_nat = {
    .locked = true,
    .set_up = set_up,
    .restore = set_up_again,
    .follow = follow_nat,
    .local = ftun_attachment_tun_local,
    .take_down = take_down,
};
