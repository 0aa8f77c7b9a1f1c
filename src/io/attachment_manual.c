/* The user has set up all but the TUN device itself. */
#include "attachment_state.h"
#include "tun_addresses.h"

/* As many hops as with NAT, and its addresses. */
static bool set_up_bare(struct ftun_attachment *a, struct ftun_error *error)
{
    struct ftun_attachment_plan *plan = &a->plan;
    if (plan->tun4.own.family == FTUN_FAMILY_NONE)
        plan->tun4 = ftun_tun_addresses_default(plan->role, FTUN_IPV4);
    if (plan->tun6.own.family == FTUN_FAMILY_NONE)
        plan->tun6 = ftun_tun_addresses_default(plan->role, FTUN_IPV6);
    a->ports = ftun_attachment_plan_ports(plan);
    a->hops = 1;
    return ftun_attachment_open_tun(a, plan->tun_name, error);
}

static bool restore_bare(struct ftun_attachment *a, struct ftun_error *error)
{
    if (a->tun.persistent && if_nametoindex(a->tun.name) == 0)
        return ftun_fail(error,
                         "the TUN device %s is gone, and ftun had not made it: make it again "
                         "(ftun rules says how), then start ftun",
                         a->tun.name);
    return ftun_attachment_open_tun_again(a, error);
}

static enum ftun_follow_result follow_nothing(struct ftun_attachment *a,
                                              const struct ftun_remotes *before,
                                              struct ftun_error *error)
{
    (void)a;
    (void)before;
    (void)error;
    return FTUN_FOLLOWED;
}

const struct ftun_attachment_way ftun_attachment_manual = {
    .set_up = set_up_bare,
    .restore = restore_bare,
    .follow = follow_nothing,
    .local = ftun_attachment_tun_local,
    .take_down = ftun_attachment_close_tun,
};
