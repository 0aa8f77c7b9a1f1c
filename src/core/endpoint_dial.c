/* A client's connections: how they begin, and with which dialect. */
#include "endpoint_state.h"
#include "mss.h"
#include "tuple_hash.h"

/* RFC 6528 3: a clock, and a keyed hash of the tuple. Linux's clock ticks every 64 ns. */
static uint32_t initial_sequence(const struct ftun_endpoint *ep, uint64_t now_ns,
                                 const struct ftun_tuple *tuple)
{
    return (uint32_t)ftun_tuple_hash(&ep->config.key, tuple, FTUN_HASH_SEQUENCE, 0) +
           (uint32_t)(now_ns >> 6);
}

/* RFC 6056 3.3.1: draw until a port is free. */
static bool choose_port(struct ftun_endpoint *ep, struct ftun_tuple *tuple)
{
    const uint64_t ports = FTUN_PORT_LAST - FTUN_PORT_FIRST + 1;
    for (unsigned i = 0; i < FTUN_PORT_ATTEMPTS; i++) {
        tuple->local.port = (uint16_t)(FTUN_PORT_FIRST + ftun_endpoint_draw(ep) % ports);
        if (ftun_flow_table_find(&ep->table, tuple) == FTUN_NO_FLOW)
            return true;
    }
    return false;
}

/* Send the SYN of a flow that is under no tuple; false, and nothing changed, when there is no
 * port. */
static bool dial(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                 const struct ftun_profile *profile, struct ftun_actions *actions)
{
    struct ftun_flow *f = &ep->table.flows[flow];
    struct ftun_tuple tuple = {.local.ip = *ftun_endpoint_address(ep, ep->config.remote.ip.family),
                               .remote = ep->config.remote};
    if (!choose_port(ep, &tuple))
        return false;
    f->tuple = tuple;
    ftun_flow_table_link(&ep->table, flow);
    struct ftun_step step;
    ftun_connection_connect(
        &f->connection, now_ns, profile, initial_sequence(ep, now_ns, &f->tuple),
        ftun_mss((enum ftun_family)f->tuple.local.ip.family, ep->config.mtu),
        ftun_endpoint_seed(ep, &f->tuple) ^ (uint16_t)ftun_endpoint_draw(ep), &step);
    ftun_endpoint_apply(ep, now_ns, flow, &step, actions);
    return true;
}

/* The SYN was answered by RST. Perhaps the peer only knows the other dialect: Phantun's server
 * answers a SYN whose sequence number is not 0 like that. Once. */
bool ftun_endpoint_dial_other_dialect(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                                      const struct ftun_step *step, struct ftun_actions *actions)
{
    struct ftun_flow *f = &ep->table.flows[flow];
    if (step->closed != FTUN_CLOSED_REFUSED || ep->config.peer != FTUN_PEER_AUTO || f->dialects)
        return false;
    f->dialects = true;
    ftun_flow_table_unlink(&ep->table, flow);
    const struct ftun_profile *other =
        f->connection.profile == &ep->linux_profile ? &ep->phantun_profile : &ep->linux_profile;
    if (dial(ep, now_ns, flow, other, actions))
        return true;
    ftun_flow_table_link(&ep->table, flow);
    return false;
}

uint32_t ftun_endpoint_flow(struct ftun_endpoint *ep, uint64_t now_ns,
                            const struct ftun_socket_address *application,
                            struct ftun_actions *actions)
{
    actions->count = 0;
    uint32_t flow = ftun_flow_table_find_application(&ep->table, application);
    if (flow != FTUN_NO_FLOW)
        return flow;
    if (ftun_endpoint_address(ep, ep->config.remote.ip.family)->family == FTUN_FAMILY_NONE) {
        ftun_endpoint_refuse(ep, FTUN_REFUSED_FAMILY_UNAVAILABLE, 1);
        return FTUN_NO_FLOW;
    }
    if (now_ns < ep->dial_after_ns) {
        ftun_endpoint_refuse(ep, FTUN_REFUSED_SERVER_REFUSES, 1);
        return FTUN_NO_FLOW;
    }
    flow = ftun_flow_table_take(&ep->table);
    if (flow == FTUN_NO_FLOW) {
        ftun_endpoint_refuse(ep, FTUN_REFUSED_FLOW_LIMIT, 1);
        return FTUN_NO_FLOW;
    }
    struct ftun_flow *f = &ep->table.flows[flow];
    f->open = true;
    struct ftun_action *open = ftun_endpoint_act(actions, FTUN_ACTION_OPEN, flow);
    if (!dial(ep, now_ns, flow, ep->profile, actions)) {
        actions->count = 0;
        ftun_flow_table_give(&ep->table, flow);
        ftun_endpoint_refuse(ep, FTUN_REFUSED_PORTS_EXHAUSTED, 1);
        return FTUN_NO_FLOW;
    }
    open->open.tuple = f->tuple;
    f->application = *application;
    ftun_flow_table_link_application(&ep->table, flow);
    ep->counters.flows_opened++;
    return flow;
}

/* What the server is like, for the next connection. Phantun's SYN-ACK names no MSS; a server of
 * ftun's answers Phantun's SYN too, when it had refused the first one while it was starting. */
void ftun_endpoint_server_answered(struct ftun_endpoint *ep,
                                   const struct ftun_connection *connection)
{
    ep->dial_pause_ns = 0;
    if (ep->config.peer == FTUN_PEER_AUTO)
        ep->profile = connection->peer_named_mss ? &ep->linux_profile : &ep->phantun_profile;
}

/* A server that refuses is not asked again for each datagram. */
void ftun_endpoint_pause_dialing(struct ftun_endpoint *ep, uint64_t now_ns)
{
    const uint64_t doubled = 2 * ep->dial_pause_ns;
    const uint64_t longer = doubled < FTUN_REDIAL_LAST ? doubled : FTUN_REDIAL_LAST;
    ep->dial_pause_ns = ep->dial_pause_ns == 0 ? FTUN_REDIAL_FIRST : longer;
    ep->dial_after_ns = now_ns + ep->dial_pause_ns;
}
