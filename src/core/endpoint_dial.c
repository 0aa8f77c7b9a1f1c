/* A client's connections: how they begin, with which dialect, and how a flow outlives them.
 *
 * A connection that is refused, reset, unanswered or dead is followed by another one from a new
 * port, by the next of the paths to the server unless this one has just answered. Where connections
 * fail one after another the pauses between them double, up to a second: short enough that traffic
 * is back soon after the path is. A flow that nobody uses is dialed more rarely, until it is used
 * again. Datagrams wait meanwhile, as during any handshake. The flow ends with its application's
 * silence. */
#include "endpoint_state.h"
#include "mss.h"
#include "steering.h"
#include "tuple_hash.h"

/* RFC 6528 3: a clock, and a keyed hash of the tuple. Linux's clock ticks every 64 ns. */
static uint32_t initial_sequence(const struct ftun_endpoint *ep, uint64_t now_ns,
                                 const struct ftun_tuple *tuple)
{
    return (uint32_t)ftun_tuple_hash(&ep->config.key, tuple, FTUN_HASH_SEQUENCE, 0) +
           (uint32_t)(now_ns >> 6);
}

/* RFC 6056 3.3.1: draw until a port is free. A connection to the same address is never followed by
 * one from its own port: what is left of it on the way would disturb. */
static bool draw_port(struct ftun_endpoint *ep, const struct ftun_flow *f,
                      struct ftun_port_classes classes, struct ftun_tuple *tuple)
{
    for (unsigned i = 0; i < FTUN_PORT_ATTEMPTS; i++) {
        tuple->local.port = ftun_steering_port(ep->config.ports, classes, ftun_endpoint_draw(ep));
        if (tuple->local.port != f->tuple.local.port &&
            ftun_flow_table_find(&ep->table, tuple) == FTUN_NO_FLOW)
            return true;
    }
    return false;
}

/* A flow that has had a connection stays within the class of its port, if it can: it arrives where
 * the server has it. A rival has had that of its flow. */
static bool choose_port(struct ftun_endpoint *ep, const struct ftun_flow *f,
                        struct ftun_tuple *tuple)
{
    const struct ftun_flow *owner = ftun_endpoint_is_rival(f) ? &ep->table.flows[f->rival] : f;
    const uint16_t before = owner->tuple.local.port;
    const struct ftun_port_classes same = {before % FTUN_PORT_CLASSES, 1};
    if (before != 0 && draw_port(ep, f, same, tuple))
        return true;
    return draw_port(ep, f, ftun_steering_classes(ep->config.worker, ep->config.workers), tuple);
}

/* The tuple of a flow's next connection: a port towards the address of the server at the end of its
 * path, or, where all are taken, of one of the others. */
static bool choose_tuple(struct ftun_endpoint *ep, struct ftun_flow *f, struct ftun_tuple *tuple)
{
    for (uint8_t i = 0; i < ep->path_count; i++) {
        const uint8_t number = (uint8_t)((f->path + i) % ep->path_count);
        const struct ftun_path *path = &ep->paths[number];
        *tuple = (struct ftun_tuple){.local.ip = path->local, .remote = path->remote};
        if (!choose_port(ep, f, tuple))
            continue;
        f->path = number;
        return true;
    }
    return false;
}

bool ftun_endpoint_dial(struct ftun_endpoint *ep, uint64_t now_ns, uint64_t at_ns, uint32_t flow,
                        const struct ftun_profile *profile, struct ftun_actions *actions)
{
    struct ftun_flow *f = &ep->table.flows[flow];
    struct ftun_tuple tuple;
    if (!choose_tuple(ep, f, &tuple))
        return false;
    f->tuple = tuple;
    f->stranded = false;
    f->dialed_at = at_ns;
    ftun_flow_table_link(&ep->table, flow);
    struct ftun_step step;
    ftun_connection_connect(
        &f->connection, now_ns, at_ns, profile, initial_sequence(ep, now_ns, &f->tuple),
        ftun_mss((enum ftun_family)f->tuple.local.ip.family, ep->config.mtu),
        ftun_endpoint_seed(ep, &f->tuple) ^ (uint16_t)ftun_endpoint_draw(ep), &step);
    ftun_endpoint_apply(ep, now_ns, flow, &step, actions);
    return true;
}

/* --- a flow's next connection ------------------------------------------------------------- */

/* The SYN was answered by RST: perhaps the peer only knows the other dialect. Phantun's server
 * answers a SYN whose sequence number is not 0 like that. */
static bool other_dialect_untried(const struct ftun_endpoint *ep, const struct ftun_flow *f,
                                  enum ftun_close_reason reason)
{
    return reason == FTUN_CLOSED_REFUSED && ep->config.peer == FTUN_PEER_AUTO && !f->dialects;
}

static const struct ftun_profile *other_dialect(const struct ftun_endpoint *ep,
                                                const struct ftun_profile *profile)
{
    return profile == &ep->linux_profile ? &ep->phantun_profile : &ep->linux_profile;
}

static bool is_quiet(const struct ftun_flow *f, uint64_t now_ns)
{
    return f->pending.count == 0 && now_ns - f->used_at >= FTUN_QUIET_AFTER;
}

/* With jitter, as many flows fail at the same time. */
static uint64_t pause_before(struct ftun_endpoint *ep, struct ftun_flow *f, uint64_t now_ns)
{
    if (now_ns >= f->dialed_at + FTUN_REDIAL_FORGIVEN)
        f->failures = 0;
    const unsigned failures = f->failures;
    if (f->failures < UINT16_MAX)
        f->failures++;
    if (failures == 0)
        return 0;
    const uint64_t doubled =
        failures < FTUN_REDIAL_DOUBLINGS ? FTUN_REDIAL_FIRST << (failures - 1) : FTUN_REDIAL_LAST;
    const uint64_t least = is_quiet(f, now_ns) ? FTUN_REDIAL_QUIET : doubled;
    return least + ftun_endpoint_draw(ep) % (least / 2);
}

void ftun_endpoint_hurry(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow)
{
    struct ftun_flow *f = &ep->table.flows[flow];
    if (f->connection.state != FTUN_SYN_SENT || f->dialed_at <= now_ns)
        return;
    f->dialed_at = now_ns;
    ftun_connection_dial_now(&f->connection, now_ns);
    ftun_endpoint_watch(ep, flow);
}

static bool may_return(enum ftun_close_reason reason)
{
    return reason == FTUN_CLOSED_RESET || reason == FTUN_CLOSED_REFUSED ||
           reason == FTUN_CLOSED_TIMEOUT || reason == FTUN_CLOSED_DEAD;
}

/* Put a new connection in the place of the flow's last one; false, and nothing changed, when there
 * is no port. */
static bool replace(struct ftun_endpoint *ep, uint64_t now_ns, uint64_t at_ns, uint32_t flow,
                    const struct ftun_profile *profile, struct ftun_actions *actions)
{
    ftun_flow_table_unlink(&ep->table, flow);
    if (ftun_endpoint_dial(ep, now_ns, at_ns, flow, profile, actions))
        return true;
    ftun_flow_table_link(&ep->table, flow);
    return false;
}

bool ftun_endpoint_redial(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                          enum ftun_close_reason reason, struct ftun_actions *actions)
{
    struct ftun_flow *f = &ep->table.flows[flow];
    if (ep->config.role != FTUN_CLIENT || !f->open || !may_return(reason))
        return false;
    if (other_dialect_untried(ep, f, reason)) {
        f->dialects = true;
        return replace(ep, now_ns, now_ns, flow, other_dialect(ep, f->connection.profile), actions);
    }
    const uint64_t at_ns = now_ns + pause_before(ep, f, now_ns);
    f->dialects = false;
    if (reason != FTUN_CLOSED_RESET)
        f->path = (uint8_t)((f->path + 1) % ep->path_count);
    struct ftun_action *action = ftun_endpoint_act(actions, FTUN_ACTION_RECONNECT, flow);
    action->reconnect.reason = reason;
    action->reconnect.attempt = f->failures;
    if (ftun_endpoint_rival_succeeds(ep, flow))
        return true;
    if (replace(ep, now_ns, at_ns, flow, ep->profile, actions))
        return true;
    actions->count--; /* it was the last */
    return false;
}

/* What the server is like, for the next connection. Phantun's SYN-ACK names no MSS; a server of
 * ftun's answers Phantun's SYN too, when it had refused the first one while it was starting. */
void ftun_endpoint_server_answered(struct ftun_endpoint *ep, const struct ftun_flow *f)
{
    ep->path_best = f->path % ep->path_count;
    if (ep->config.peer == FTUN_PEER_AUTO)
        ep->profile = f->connection.peer_named_mss ? &ep->linux_profile : &ep->phantun_profile;
}

/* --- a new flow --------------------------------------------------------------------------- */

static uint32_t refuse_flow(struct ftun_endpoint *ep, enum ftun_refusal refusal)
{
    ftun_endpoint_refuse(ep, refusal, 1);
    return FTUN_NO_FLOW;
}

uint32_t ftun_endpoint_flow(struct ftun_endpoint *ep, uint64_t now_ns,
                            const struct ftun_socket_address *application,
                            struct ftun_actions *actions)
{
    actions->count = 0;
    uint32_t flow = ftun_flow_table_find_application(&ep->table, application);
    if (flow != FTUN_NO_FLOW)
        return flow;
    if (ep->path_count == 0)
        return refuse_flow(ep, FTUN_REFUSED_FAMILY_UNAVAILABLE);
    flow = ftun_flow_table_take(&ep->table);
    if (flow == FTUN_NO_FLOW)
        return refuse_flow(ep, FTUN_REFUSED_FLOW_LIMIT);
    struct ftun_flow *f = &ep->table.flows[flow];
    ftun_endpoint_open_flow(ep, flow);
    f->announced = true;
    f->used_at = now_ns;
    f->path = ep->path_best;
    struct ftun_action *open = ftun_endpoint_act(actions, FTUN_ACTION_OPEN, flow);
    if (!ftun_endpoint_dial(ep, now_ns, now_ns, flow, ep->profile, actions)) {
        actions->count = 0;
        ep->open--;
        ftun_flow_table_give(&ep->table, flow);
        return refuse_flow(ep, FTUN_REFUSED_PORTS_EXHAUSTED);
    }
    open->open.tuple = f->tuple;
    f->application = *application;
    ftun_flow_table_link_application(&ep->table, flow);
    ep->counters.flows_opened++;
    return flow;
}
