/* The caller has learnt that the paths to the server are others, or carry less.
 *
 *  - A handshake by a path that is gone is given up for one by those that there are.
 *  - A connection whose local address no path has any more is stranded: the host has moved, and
 *    what it sends from there comes to nothing. Another is tried beside it (endpoint_rival.c).
 *  - The others have lasted through changes before: they are asked, and doubted only when they do
 *    not answer.
 *  - Segments that have become too large get smaller: no router tells of the host's own link. */
#include "endpoint_state.h"
#include "mss.h"

/* --- which there are ---------------------------------------------------------------------- */

/* The address that answered last, if it is still one. */
static uint8_t find_best(const struct ftun_endpoint *ep, const struct ftun_socket_address *best)
{
    for (uint8_t i = 0; i < ep->path_count; i++)
        if (ftun_socket_address_equal(&ep->paths[i].remote, best))
            return i;
    return 0;
}

static bool is_path(const struct ftun_endpoint *ep, const struct ftun_tuple *tuple)
{
    for (uint8_t i = 0; i < ep->path_count; i++)
        if (ftun_socket_address_equal(&ep->paths[i].remote, &tuple->remote) &&
            ftun_address_equal(&ep->paths[i].local, &tuple->local.ip))
            return true;
    return false;
}

bool ftun_endpoint_sends_from(const struct ftun_endpoint *ep, const struct ftun_address *address)
{
    for (uint8_t i = 0; i < ep->path_count; i++)
        if (ftun_address_equal(&ep->paths[i].local, address))
            return true;
    return false;
}

static bool dials_elsewhere(const struct ftun_endpoint *ep, const struct ftun_flow *f)
{
    return f->connection.state == FTUN_SYN_SENT && !is_path(ep, &f->tuple);
}

/* What has failed so far was another path. */
static void leave_old_path(struct ftun_endpoint *ep, uint32_t flow)
{
    struct ftun_flow *f = &ep->table.flows[flow];
    if (f->rival != FTUN_NO_FLOW && dials_elsewhere(ep, &ep->table.flows[f->rival]))
        ftun_endpoint_rival_drop(ep, flow);
    f->stranded = !ftun_endpoint_sends_from(ep, &f->tuple.local.ip);
    if (f->stranded)
        f->rival_after = 0;
    if (dials_elsewhere(ep, f)) {
        f->failures = 0;
        ftun_connection_give_up_dialing(&f->connection);
    }
    ftun_endpoint_watch(ep, flow);
}

void ftun_endpoint_set_paths(struct ftun_endpoint *ep, const struct ftun_path *paths, size_t count)
{
    const struct ftun_socket_address best = ep->paths[ep->path_best].remote;
    struct ftun_path usable[FTUN_REMOTES_MAX];
    uint8_t kept = 0;
    for (size_t i = 0; i < count && kept < FTUN_REMOTES_MAX; i++)
        if (paths[i].local.family != FTUN_FAMILY_NONE)
            usable[kept++] = paths[i];
    if (kept == 0)
        return;
    for (uint8_t i = 0; i < kept; i++)
        ep->paths[i] = usable[i];
    ep->path_count = kept;
    ep->path_best = find_best(ep, &best);
    for (uint32_t flow = 0; flow < ep->table.begun; flow++)
        if (ep->table.flows[flow].in_use && ep->table.flows[flow].open)
            leave_old_path(ep, flow);
}

/* --- what they carry ---------------------------------------------------------------------- */

/* A full segment of the flow is no larger than `mtu` bytes. */
static bool fits(const struct ftun_flow *f, uint16_t mtu)
{
    const size_t options_len = f->connection.timestamps ? FTUN_TCP_TIMESTAMPS : 0;
    const size_t headers = ftun_ip_header_len((enum ftun_family)f->tuple.local.ip.family) +
                           FTUN_TCP_HEADER_MIN + options_len;
    return headers + f->connection.mss <= mtu;
}

void ftun_endpoint_limit_mtu(struct ftun_endpoint *ep, uint32_t flow, uint16_t mtu,
                             struct ftun_actions *actions)
{
    struct ftun_flow *f = &ep->table.flows[flow];
    const uint16_t before = f->connection.mss;
    if (fits(f, mtu))
        return;
    const enum ftun_family family = (enum ftun_family)f->tuple.local.ip.family;
    ftun_connection_limit_mss(&f->connection, ftun_mss(family, mtu));
    if (f->open && f->announced && f->connection.mss < before)
        ftun_endpoint_act(actions, FTUN_ACTION_MSS, flow)->mss.mss = f->connection.mss;
}

void ftun_endpoint_path_changed(struct ftun_endpoint *ep, uint64_t now_ns, uint16_t mtu)
{
    ep->config.mtu = mtu < ep->pending.slot_size ? mtu : (uint16_t)ep->pending.slot_size;
    for (uint32_t flow = 0; flow < ep->table.begun; flow++) {
        struct ftun_flow *f = &ep->table.flows[flow];
        if (!f->in_use)
            continue;
        if (!fits(f, ep->config.mtu)) /* the next timeout limits it */
            ftun_deadlines_advance(&ep->deadlines, flow, now_ns);
        if (ep->config.role != FTUN_CLIENT)
            continue;
        ftun_endpoint_hurry(ep, now_ns, flow);
        ftun_connection_ask(&f->connection, now_ns);
        ftun_endpoint_watch(ep, flow);
    }
}
