/* A client's rivals: a second connection is tried beside one whose answer is late, and whichever
 * answers first has the flow.
 *
 *  - A connection that has asked and not been answered for FTUN_DOUBT_AFTER is doubtful. A NAT may
 *    have forgotten it, or the server; or its path is just slow, and then it is kept: nothing is
 *    given up before something better is there.
 *  - A connection from an address that no path has any more (endpoint_path.c) is, at once.
 *  - A handshake with one of several addresses is joined by one with the next after
 *    FTUN_ATTEMPT_DELAY: Happy Eyeballs (RFC 8305 5).
 *
 * A rival has a slot of the flow table, and a number that nobody outside knows: it is not open.
 * When it is established, the flow and it exchange their connections, and the old one is forgotten
 * without a word: the server closes it when the flow is resumed, and its FIN or RST could overtake
 * that. */
#include "endpoint_state.h"
#include "instant.h"

bool ftun_endpoint_is_rival(const struct ftun_flow *f)
{
    return !f->open && f->rival != FTUN_NO_FLOW;
}

/* --- when --------------------------------------------------------------------------------- */

static uint64_t doubtful_at(const struct ftun_endpoint *ep, const struct ftun_flow *f)
{
    const struct ftun_connection *c = &f->connection;
    if (c->state != FTUN_ESTABLISHED)
        return FTUN_NEVER;
    if (f->stranded)
        return 0;
    return c->profile->acknowledges_often
               ? ftun_liveness_doubt_at(&c->liveness, &ep->config.timeouts)
               : FTUN_NEVER;
}

uint64_t ftun_endpoint_rival_at(const struct ftun_endpoint *ep, const struct ftun_flow *f)
{
    if (ep->config.role != FTUN_CLIENT || !f->open || f->rival != FTUN_NO_FLOW)
        return FTUN_NEVER;
    const bool dials = f->connection.state == FTUN_SYN_SENT && ep->path_count > 1;
    const uint64_t at = dials ? f->dialed_at + FTUN_ATTEMPT_DELAY : doubtful_at(ep, f);
    return ftun_later(at, f->rival_after);
}

/* The flow that it was tried for has been heard since. */
static bool not_needed(const struct ftun_endpoint *ep, const struct ftun_flow *rival)
{
    const struct ftun_flow *f = &ep->table.flows[rival->rival];
    return f->connection.state == FTUN_ESTABLISHED && !f->stranded &&
           f->connection.liveness.heard_at >= rival->dialed_at;
}

/* --- beginning and end -------------------------------------------------------------------- */

static void part(struct ftun_endpoint *ep, struct ftun_flow *f)
{
    ep->table.flows[f->rival].rival = FTUN_NO_FLOW;
    f->rival = FTUN_NO_FLOW;
}

void ftun_endpoint_rival_begin(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                               struct ftun_actions *actions)
{
    struct ftun_flow *f = &ep->table.flows[flow];
    f->rival_after = now_ns + FTUN_REDIAL_LAST;
    const uint32_t rival = ftun_flow_table_take(&ep->table);
    if (rival == FTUN_NO_FLOW)
        return;
    struct ftun_flow *r = &ep->table.flows[rival];
    /* a doubtful address first gets another chance itself */
    const uint8_t next = f->connection.state == FTUN_ESTABLISHED ? f->rivals : f->rivals + 1;
    f->rivals++;
    r->path = (uint8_t)((f->path + next) % ep->path_count);
    r->rival = flow;
    f->rival = rival;
    struct ftun_action *action = ftun_endpoint_act(actions, FTUN_ACTION_RECONNECT, flow);
    action->reconnect.reason = FTUN_STILL_OPEN;
    action->reconnect.attempt = 0;
    if (ftun_endpoint_dial(ep, now_ns, now_ns, rival, ep->profile, actions))
        return;
    part(ep, f);
    ftun_flow_table_give(&ep->table, rival);
    actions->count--; /* it was the last */
}

void ftun_endpoint_rival_leave(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow)
{
    struct ftun_flow *f = &ep->table.flows[flow];
    if (f->rival == FTUN_NO_FLOW)
        return;
    const uint32_t other = f->rival;
    ep->table.flows[other].rival_after = now_ns + FTUN_REDIAL_LAST;
    part(ep, f);
    ftun_endpoint_watch(ep, other);
}

void ftun_endpoint_rival_drop(struct ftun_endpoint *ep, uint32_t flow)
{
    struct ftun_flow *f = &ep->table.flows[flow];
    if (f->rival == FTUN_NO_FLOW)
        return;
    const uint32_t rival = f->rival;
    part(ep, f);
    ftun_endpoint_forget_flow(ep, rival);
}

bool ftun_endpoint_rival_yields(struct ftun_endpoint *ep, uint32_t flow)
{
    const struct ftun_flow *f = &ep->table.flows[flow];
    return ftun_endpoint_is_rival(f) && not_needed(ep, f);
}

/* The flow takes its rival's connection; its own is forgotten. */
static void take_over(struct ftun_endpoint *ep, uint32_t flow)
{
    struct ftun_flow *f = &ep->table.flows[flow];
    const uint32_t rival = f->rival;
    const struct ftun_flow *r = &ep->table.flows[rival];
    f->path = r->path;
    f->stranded = false;
    f->dialed_at = r->dialed_at;
    part(ep, f);
    ftun_endpoint_exchange_connections(ep, flow, rival);
    ftun_endpoint_forget_flow(ep, rival);
}

void ftun_endpoint_rival_established(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t rival,
                                     struct ftun_actions *actions)
{
    struct ftun_flow *r = &ep->table.flows[rival];
    const uint32_t flow = r->rival;
    if (not_needed(ep, r)) {
        struct ftun_step step;
        part(ep, r);
        ftun_connection_close(&r->connection, now_ns, FTUN_CLOSED_LOCALLY, &step);
        ftun_endpoint_apply(ep, now_ns, rival, &step, actions);
        return;
    }
    take_over(ep, flow);
    ftun_endpoint_server_answered(ep, &ep->table.flows[flow]);
    ftun_endpoint_established(ep, now_ns, flow, actions);
}

bool ftun_endpoint_rival_succeeds(struct ftun_endpoint *ep, uint32_t flow)
{
    if (ep->table.flows[flow].rival == FTUN_NO_FLOW)
        return false;
    take_over(ep, flow);
    return true;
}
