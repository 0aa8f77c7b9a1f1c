#include "attachment.h"

#include "attachment_state.h"
#include "setup_lock.h"

#include <errno.h>
#include <unistd.h>

enum { PATH_MTU_DEFAULT = 1500 }; /* bytes: Ethernet, where the host knows nothing better */

/* --- the path ----------------------------------------------------------------------------- */

/* A server does not know by which link a client will come: the largest, as its MSS only says what
 * this end can take. What it sends is bounded by the client's MSS, and by "too big" on the way. */
static uint32_t mtu_of_server(const struct ftun_attachment *a)
{
    struct ftun_error ignored;
    struct ftun_links all;
    struct ftun_links concerned;
    if (!ftun_links_all(&all, &ignored))
        return 0;
    ftun_links_of_server(&all, a->tun.name, &concerned);
    return ftun_links_mtu(&concerned);
}

static uint32_t mtu_of_client(const struct ftun_attachment *a)
{
    struct ftun_error ignored;
    struct ftun_route route;
    uint32_t mtu = 0;
    for (size_t i = 0; i < a->plan.remotes.count; i++)
        if (ftun_netlink_route(&a->plan.remotes.at[i].ip, a->plan.choices.mark, &route, &ignored) &&
            (mtu == 0 || route.mtu < mtu))
            mtu = route.mtu;
    return mtu;
}

/* Where there is no path just now, the last one is believed. */
static void note_mtu(struct ftun_attachment *a)
{
    uint32_t mtu = a->plan.role == FTUN_SERVER ? mtu_of_server(a) : mtu_of_client(a);
    if (mtu == 0)
        mtu = a->mtu != 0 ? a->mtu : PATH_MTU_DEFAULT;
    a->mtu = mtu < FTUN_IP_PACKET_MAX ? (uint16_t)mtu : (uint16_t)FTUN_IP_PACKET_MAX;
}

struct ftun_port_range ftun_attachment_plan_ports(const struct ftun_attachment_plan *plan)
{
    if (plan->choices.ports.first != 0)
        return plan->choices.ports;
    return (struct ftun_port_range){FTUN_PORT_FIRST, FTUN_PORT_LAST};
}

/* --- one instance at a time --------------------------------------------------------------- */

/* One step of a way to attach, under the lock if it wants that, which is waited for. */
static bool do_step(struct ftun_attachment *a, ftun_attachment_step *step, struct ftun_error *error)
{
    if (!a->way->locked)
        return step(a, error);
    const int lock = ftun_setup_lock(true);
    if (lock < 0)
        return ftun_setup_lock_fail(error);
    const bool done = step(a, error);
    close(lock);
    return done;
}

enum ftun_follow_result ftun_attachment_try_locked(struct ftun_attachment *a,
                                                   ftun_attachment_step *step,
                                                   struct ftun_error *error)
{
    const int lock = ftun_setup_lock(false);
    if (lock < 0 && errno == EWOULDBLOCK)
        return FTUN_FOLLOW_BUSY;
    if (lock < 0) {
        ftun_setup_lock_fail(error);
        return FTUN_FOLLOW_FAILED;
    }
    const bool done = step(a, error);
    close(lock);
    return done ? FTUN_FOLLOWED : FTUN_FOLLOW_FAILED;
}

/* --- the interface ------------------------------------------------------------------------ */

static void close_steering(struct ftun_attachment *a)
{
    if (a->steering >= 0)
        close(a->steering);
    a->steering = -1;
}

static bool set_up_or_nothing(struct ftun_attachment *a, struct ftun_error *error)
{
    const bool done = a->way->set_up(a, error);
    if (!done)
        a->way->take_down(a);
    return done;
}

static bool open_by(struct ftun_attachment *a, enum ftun_attachment_kind kind,
                    const struct ftun_attachment_way *way, struct ftun_error *error)
{
    a->plan.kind = kind;
    a->way = way;
    if (do_step(a, set_up_or_nothing, error))
        return true;
    a->way = NULL;
    close_steering(a);
    return false;
}

/* Phantun's options say what addresses the TUN has: only NAT gives it some. */
static bool wants_tun_addresses(const struct ftun_attachment_plan *plan)
{
    return plan->tun4.own.family != FTUN_FAMILY_NONE || plan->tun6.own.family != FTUN_FAMILY_NONE;
}

static bool try_divert(struct ftun_attachment *a, struct ftun_error *why_not)
{
    if (wants_tun_addresses(&a->plan))
        return ftun_fail(why_not, "--tun-local and its like ask for it");
    return open_by(a, FTUN_ATTACHMENT_DIVERT, &ftun_attachment_divert, why_not);
}

static bool open_best(struct ftun_attachment *a, struct ftun_error *error)
{
    if (try_divert(a, &a->why_nat))
        return true;
    const struct ftun_attachment_plan plan = a->plan;
    const struct ftun_error why_nat = a->why_nat;
    *a = (struct ftun_attachment)FTUN_ATTACHMENT_CLOSED;
    a->plan = plan;
    a->why_nat = why_nat;
    return open_by(a, FTUN_ATTACHMENT_NAT, &ftun_attachment_nat, error);
}

static bool open_planned(struct ftun_attachment *a, struct ftun_error *error)
{
    switch (a->plan.kind) {
    case FTUN_ATTACHMENT_AUTO:
        return open_best(a, error);
    case FTUN_ATTACHMENT_DIVERT:
        return open_by(a, FTUN_ATTACHMENT_DIVERT, &ftun_attachment_divert, error);
    case FTUN_ATTACHMENT_NAT:
        return open_by(a, FTUN_ATTACHMENT_NAT, &ftun_attachment_nat, error);
    case FTUN_ATTACHMENT_MANUAL:
        break;
    }
    return open_by(a, FTUN_ATTACHMENT_MANUAL, &ftun_attachment_manual, error);
}

bool ftun_attachment_open(struct ftun_attachment *a, const struct ftun_attachment_plan *plan,
                          struct ftun_error *error)
{
    *a = (struct ftun_attachment)FTUN_ATTACHMENT_CLOSED;
    a->plan = *plan;
    if (!open_planned(a, error))
        return false;
    a->plan.workers = a->queues;
    note_mtu(a);
    return true;
}

bool ftun_attachment_restore(struct ftun_attachment *a, struct ftun_error *error)
{
    ftun_attachment_close_tun(a);
    const bool done = do_step(a, a->way->restore, error);
    if (!done)
        ftun_attachment_close_tun(a);
    return done;
}

enum ftun_follow_result ftun_attachment_follow(struct ftun_attachment *a,
                                               const struct ftun_remotes *remotes,
                                               struct ftun_error *error)
{
    const struct ftun_remotes before = a->plan.remotes;
    a->plan.remotes = *remotes;
    note_mtu(a);
    const enum ftun_follow_result result = a->way->follow(a, &before, error);
    if (result != FTUN_FOLLOWED) /* so that the next try finds the difference again */
        a->plan.remotes = before;
    return result;
}

bool ftun_attachment_local(const struct ftun_attachment *a, const struct ftun_route *route,
                           struct ftun_address *out)
{
    return a->way->local(a, route, out);
}

int ftun_attachment_fd(const struct ftun_attachment *a)
{
    return a->divert != NULL ? ftun_divert_fd(a->divert) : -1;
}

void ftun_attachment_serve(struct ftun_attachment *a)
{
    ftun_divert_take_too_big(a->divert);
}

struct ftun_divert_counters ftun_attachment_counters(const struct ftun_attachment *a)
{
    struct ftun_divert_counters counters = {0};
    if (a->divert != NULL)
        ftun_divert_counters(a->divert, &counters);
    return counters;
}

/* What cannot be locked is taken down all the same. */
void ftun_attachment_close(struct ftun_attachment *a)
{
    if (a->way != NULL) {
        const int lock = a->way->locked ? ftun_setup_lock(true) : -1;
        a->way->take_down(a);
        if (lock >= 0)
            close(lock);
    }
    a->way = NULL;
    close_steering(a);
}
