/* What must hold of an endpoint between any two calls. */
#include "endpoint_state.h"

/* A deadline may stand too early, never too late. */
static bool deadline_valid(const struct ftun_endpoint *ep, uint32_t flow)
{
    const uint32_t at = ep->deadlines.position[flow];
    return at != FTUN_NO_DEADLINE &&
           ep->deadlines.heap[at].at_ns <= ftun_endpoint_flow_deadline(ep, &ep->table.flows[flow]);
}

/* A flow and its rival know each other, and one of the two is open. */
static bool rivals_valid(const struct ftun_endpoint *ep, uint32_t flow)
{
    const uint32_t rival = ep->table.flows[flow].rival;
    if (rival == FTUN_NO_FLOW)
        return true;
    const struct ftun_flow *r = &ep->table.flows[rival];
    return rival < ep->table.begun && r->in_use && r->rival == flow &&
           r->open != ep->table.flows[flow].open;
}

/* A client's connections are from the addresses of its paths, but for those that it knows of. */
static bool local_valid(const struct ftun_endpoint *ep, const struct ftun_flow *f)
{
    const bool usable =
        ep->config.role == FTUN_SERVER || ftun_endpoint_sends_from(ep, &f->tuple.local.ip);
    return !f->open || f->stranded != usable;
}

static bool flow_valid(const struct ftun_endpoint *ep, uint32_t flow)
{
    const struct ftun_flow *f = &ep->table.flows[flow];
    const struct ftun_connection *connection = &f->connection;
    const bool waits = connection->state == FTUN_SYN_SENT;
    const bool alive = waits || connection->state == FTUN_ESTABLISHED || f->detached;
    const bool queues = waits || ftun_endpoint_awaits_answer(f);
    return connection->state != FTUN_CLOSED && ftun_connection_valid(connection) &&
           (f->open || ftun_endpoint_is_rival(f)) == alive && rivals_valid(ep, flow) &&
           local_valid(ep, f) && f->pending.count <= (queues ? FTUN_PENDING_PER_FLOW : 0) &&
           (f->in_turn || !connection->ack_due) && deadline_valid(ep, flow);
}

static bool flows_valid(const struct ftun_endpoint *ep)
{
    uint32_t lingering = 0;
    uint32_t open = 0;
    for (uint32_t flow = 0; flow < ep->table.begun; flow++) {
        const bool in_use = ep->table.flows[flow].in_use;
        lingering += in_use && ep->table.flows[flow].connection.state == FTUN_TIME_WAIT;
        open += in_use && ep->table.flows[flow].open;
        if (in_use && !flow_valid(ep, flow))
            return false;
        if (!in_use && ep->deadlines.position[flow] != FTUN_NO_DEADLINE)
            return false;
    }
    return lingering == ep->lingering && open == ep->open;
}

/* No other flow's queue ends where this one's does. */
static bool queue_alone(const struct ftun_endpoint *ep, uint32_t flow)
{
    const struct ftun_pending_queue *queue = &ep->table.flows[flow].pending;
    for (uint32_t other = 0; other < flow; other++) {
        const struct ftun_flow *f = &ep->table.flows[other];
        if (f->in_use && f->pending.last == queue->last)
            return false;
    }
    return true;
}

static bool pending_valid(const struct ftun_endpoint *ep)
{
    uint32_t queued = 0;
    for (uint32_t flow = 0; flow < ep->table.begun; flow++) {
        const struct ftun_flow *f = &ep->table.flows[flow];
        if (!f->in_use)
            continue;
        if (!ftun_pending_queue_valid(&ep->pending, &f->pending))
            return false;
        if (f->pending.count > 0 && !queue_alone(ep, flow))
            return false;
        queued += f->pending.count;
    }
    return ftun_pending_pool_valid(&ep->pending, queued);
}

/* The list of the turn holds each flow that says so, once; such a flow may have ended since. */
static bool turn_valid(const struct ftun_endpoint *ep)
{
    uint32_t expected = 0;
    for (uint32_t flow = 0; flow < ep->table.begun; flow++)
        expected += ep->table.flows[flow].in_turn;
    uint32_t flow = ep->turn;
    for (uint32_t i = 0; i < expected; i++) {
        if (flow >= ep->table.begun || !ep->table.flows[flow].in_turn)
            return false;
        flow = ep->table.flows[flow].next_in_turn;
    }
    return flow == FTUN_NO_FLOW;
}

bool ftun_endpoint_valid(const struct ftun_endpoint *ep)
{
    return ftun_flow_table_valid(&ep->table) &&
           ftun_deadlines_valid(&ep->deadlines, ep->table.capacity) && flows_valid(ep) &&
           pending_valid(ep) && turn_valid(ep) && ftun_reassembly_valid(&ep->reassembly);
}
