/* Programs in the kernel carry the tunnel's packets between the links and the TUN (divert.h). The
 * order matters: what keeps the ports from others comes first, and the links last, when all that
 * decides which packets are taken is there. Taking down goes the other way round. */
#include "addresses.h"
#include "attachment_state.h"
#include "text.h"

#include <net/if.h>
#include <stdio.h>

/* --- the TUN ------------------------------------------------------------------------------ */

/* bpf_fib_lookup() answers for a device that forwards. It is ftun's own: nothing to put back. */
static bool forward(const struct ftun_attachment *a, int family, struct ftun_error *error)
{
    char path[FTUN_SYSCTL_PATH_MAX];
    snprintf(path, sizeof path, "net/ipv%d/conf/%s/forwarding", family, a->tun.name);
    return ftun_sysctls_write(path, "1", error);
}

static bool set_up_tun(struct ftun_attachment *a, struct ftun_error *error)
{
    return ftun_attachment_set_tun_up(a, error) && (!a->plan.ipv4 || forward(a, 4, error)) &&
           (!a->plan.ipv6 || forward(a, 6, error)) &&
           ftun_divert_set_tun(a->divert, if_nametoindex(a->tun.name), error);
}

/* Filters stay behind when ftun dies, and take packets to the TUN as long as it is there. */
static bool check_tun(const struct ftun_attachment *a, struct ftun_error *error)
{
    if (!a->tun.persistent || ftun_divert_hook(a->divert) == FTUN_DIVERT_TCX)
        return true;
    return ftun_fail(error,
                     "the TUN device %s outlives ftun, and with this kernel's hook, clsact, it "
                     "would swallow packets then: let ftun make its own (another --tun)",
                     a->tun.name);
}

/* --- what is taken ------------------------------------------------------------------------ */

static bool set_addresses(struct ftun_attachment *a, struct ftun_error *error)
{
    struct ftun_addresses addresses;
    if (!ftun_addresses_read(&addresses, error))
        return false;
    const bool done = ftun_divert_set_addresses(a->divert, addresses.at, addresses.count, error);
    ftun_addresses_free(&addresses);
    return done;
}

static bool set_links(struct ftun_attachment *a, struct ftun_error *error)
{
    struct ftun_links all;
    if (!ftun_links_all(&all, error))
        return false;
    ftun_links_of_divert(&all, a->tun.name, a->plan.choices.links, a->plan.choices.link_count,
                         &a->links);
    return ftun_divert_set_links(a->divert, &a->links, error);
}

static bool set_ends(struct ftun_attachment *a, struct ftun_error *error)
{
    return set_addresses(a, error) && (a->plan.role == FTUN_SERVER ||
                                       ftun_divert_set_remotes(a->divert, &a->plan.remotes, error));
}

/* --- all together ------------------------------------------------------------------------- */

/* Packets to the host itself pass no link. */
static bool check_remotes(const struct ftun_attachment *a, struct ftun_error *error)
{
    struct ftun_error ignored;
    struct ftun_route route;
    char text[FTUN_ADDRESS_TEXT];
    for (size_t i = 0; a->plan.role == FTUN_CLIENT && i < a->plan.remotes.count; i++) {
        const struct ftun_address *server = &a->plan.remotes.at[i].ip;
        if (ftun_netlink_route(server, a->plan.choices.mark, &route, &ignored) && route.is_local)
            return ftun_fail(error,
                             "the server's address %s is this host's own, and divert hears what "
                             "comes from the network; use --attach nat",
                             ftun_address_string(server, text));
    }
    return true;
}

static bool reserve(struct ftun_attachment *a, struct ftun_error *error)
{
    const struct ftun_attachment_plan *plan = &a->plan;
    a->ports = ftun_attachment_plan_ports(plan);
    if (plan->role == FTUN_SERVER)
        return ftun_reserved_port_open(&a->reserved, plan->port, plan->ipv4, plan->ipv6, error);
    if (!ftun_client_ports_open(&a->own_ports, a->sysctls.directory, &plan->remotes,
                                plan->choices.ports, ftun_client_ports_size(plan->flows), error))
        return false;
    a->ports = a->own_ports.range;
    return true;
}

static bool load(struct ftun_attachment *a, struct ftun_error *error)
{
    const struct ftun_attachment_plan *plan = &a->plan;
    const struct ftun_divert_config config = {
        .role = plan->role,
        .hook = plan->choices.hook,
        .port = plan->port,
        .ports = a->ports,
        .allow_from = plan->choices.allow_from,
        .allow_from_count = plan->choices.prefix_count,
        .mark = plan->choices.mark,
    };
    a->divert = ftun_divert_load(&config, error);
    return a->divert != NULL;
}

static void take_down(struct ftun_attachment *a)
{
    ftun_divert_close(a->divert);
    a->divert = NULL;
    ftun_attachment_close_tun(a);
    ftun_client_ports_close(&a->own_ports);
    ftun_reserved_port_close(&a->reserved);
    ftun_sysctls_close(&a->sysctls);
}

static bool set_up(struct ftun_attachment *a, struct ftun_error *error)
{
    a->hops = 0; /* what is redirected does not pass the host's forwarding */
    a->any_local = true;
    return check_remotes(a, error) && ftun_sysctls_open(&a->sysctls, error) && reserve(a, error) &&
           load(a, error) && ftun_attachment_open_tun(a, a->plan.tun_name, error) &&
           check_tun(a, error) && set_up_tun(a, error) && set_ends(a, error) && set_links(a, error);
}

static bool set_up_tun_again(struct ftun_attachment *a, struct ftun_error *error)
{
    return ftun_attachment_open_tun_again(a, error) && set_up_tun(a, error);
}

/* Instances share the qdisc of clsact, which the last to go removes: a filter must not be added to
 * it meanwhile. Nothing else here is shared. */
static enum ftun_follow_result follow_divert(struct ftun_attachment *a,
                                             const struct ftun_remotes *before,
                                             struct ftun_error *error)
{
    (void)before;
    if (!set_ends(a, error))
        return FTUN_FOLLOW_FAILED;
    if (ftun_divert_hook(a->divert) == FTUN_DIVERT_CLSACT)
        return ftun_attachment_try_locked(a, set_links, error);
    return set_links(a, error) ? FTUN_FOLLOWED : FTUN_FOLLOW_FAILED;
}

static bool local_of_route(const struct ftun_attachment *a, const struct ftun_route *route,
                           struct ftun_address *out)
{
    (void)a;
    *out = route->source;
    return out->family != FTUN_FAMILY_NONE;
}

const struct ftun_attachment_way ftun_attachment_divert = {
    .locked = true,
    .set_up = set_up,
    .restore = set_up_tun_again,
    .follow = follow_divert,
    .local = local_of_route,
    .take_down = take_down,
};
