#include "endpoint.h"

#include "endpoint_state.h"
#include "instant.h"
#include "tuple_hash.h"

_Static_assert(FTUN_STEP_ACTIONS_MAX + 4 <= FTUN_ACTIONS_MAX, "any one input fits the list");

/* --- memory ------------------------------------------------------------------------------- */

static size_t aligned(size_t size)
{
    return (size + 15) & ~(size_t)15;
}

/* Cut `size` bytes off the arena; with a NULL arena only `used` moves. */
static void *cut(uint8_t *arena, size_t *used, size_t size)
{
    void *const at = arena == NULL ? NULL : arena + *used;
    *used += aligned(size);
    return at;
}

/* The one place that knows the arena's layout. Returns its size. */
static size_t lay_out(const struct ftun_endpoint_config *config, uint8_t *arena,
                      struct ftun_endpoint *ep)
{
    const size_t flows = config->max_flows;
    const size_t buckets = ftun_flow_table_buckets(config->max_flows);
    const bool sources = config->max_flows_per_source > 0;
    const size_t slots = config->pending_slots;
    size_t used = aligned(sizeof *ep);
    ep->table.flows = cut(arena, &used, flows * sizeof *ep->table.flows);
    ep->table.by_tuple = cut(arena, &used, buckets * sizeof *ep->table.by_tuple);
    ep->table.by_application = cut(arena, &used, buckets * sizeof *ep->table.by_application);
    ep->table.sources.sources =
        cut(arena, &used, sources ? flows * sizeof *ep->table.sources.sources : 0);
    ep->table.sources.buckets =
        cut(arena, &used, sources ? buckets * sizeof *ep->table.sources.buckets : 0);
    ep->deadlines.heap = cut(arena, &used, flows * sizeof *ep->deadlines.heap);
    ep->deadlines.position = cut(arena, &used, flows * sizeof *ep->deadlines.position);
    ep->pending.slots = cut(arena, &used, slots * sizeof *ep->pending.slots);
    ep->pending.bytes = cut(arena, &used, slots * config->mtu);
    ep->messages =
        cut(arena, &used, config->resumption ? FTUN_ACTIONS_MAX * sizeof *ep->messages : 0);
    ep->reassembly.slots =
        cut(arena, &used, config->reassembly_slots * sizeof *ep->reassembly.slots);
    return used;
}

size_t ftun_endpoint_size(const struct ftun_endpoint_config *config)
{
    struct ftun_endpoint measured;
    return lay_out(config, NULL, &measured);
}

static void init_sources(struct ftun_endpoint *ep)
{
    ep->table.sources.limit = ep->config.max_flows_per_source;
    if (ep->table.sources.limit == 0)
        return;
    ep->table.sources.key = ep->config.key;
    ep->table.sources.capacity = ep->table.capacity;
    ep->table.sources.bucket_count = ep->table.bucket_count;
}

struct ftun_endpoint *ftun_endpoint_create(const struct ftun_endpoint_config *config, void *memory)
{
    struct ftun_endpoint *ep = memory;
    *ep = (struct ftun_endpoint){.config = *config, .turn = FTUN_NO_FLOW};
    if (config->workers == 0)
        ep->config.workers = 1;
    lay_out(config, memory, ep);
    ep->linux_profile = ftun_profile_on_host(&ftun_profile_linux, &config->host);
    ep->phantun_profile = ftun_profile_on_host(&ftun_profile_phantun, &config->host);
    ep->profile = config->peer == FTUN_PEER_PHANTUN ? &ep->phantun_profile : &ep->linux_profile;
    ep->table.key = config->key;
    ep->table.capacity = config->max_flows;
    ep->table.total = config->total;
    ep->table.bucket_count = ftun_flow_table_buckets(config->max_flows);
    init_sources(ep);
    ftun_flow_table_init(&ep->table);
    for (uint32_t i = 0; i < config->max_flows; i++)
        ep->deadlines.position[i] = FTUN_NO_DEADLINE;
    ep->pending.slot_size = config->mtu;
    ep->pending.slot_count = config->pending_slots;
    ftun_pending_pool_init(&ep->pending);
    ep->reassembly.slot_count = config->reassembly_slots;
    ftun_reassembly_init(&ep->reassembly);
    if (config->ports.last == 0)
        ep->config.ports = (struct ftun_port_range){FTUN_PORT_FIRST, FTUN_PORT_LAST};
    ftun_endpoint_set_paths(ep, &config->path, 1);
    return ep;
}

/* --- small helpers ------------------------------------------------------------------------ */

const struct ftun_counters *ftun_endpoint_counters(const struct ftun_endpoint *ep)
{
    return &ep->counters;
}

uint32_t ftun_endpoint_flow_count(const struct ftun_endpoint *ep)
{
    return ep->table.count;
}

uint32_t ftun_endpoint_open_count(const struct ftun_endpoint *ep)
{
    return ep->open;
}

uint32_t ftun_endpoint_closing_count(const struct ftun_endpoint *ep)
{
    return ep->table.count - ep->lingering;
}

void ftun_endpoint_refuse(struct ftun_endpoint *ep, enum ftun_refusal refusal, size_t count)
{
    ep->counters.refused[refusal] += count;
}

struct ftun_action *ftun_endpoint_act(struct ftun_actions *actions, enum ftun_action_kind kind,
                                      uint32_t flow)
{
    struct ftun_action *action = &actions->at[actions->count++];
    action->kind = kind;
    action->flow = flow;
    return action;
}

uint64_t ftun_endpoint_draw(struct ftun_endpoint *ep)
{
    uint8_t counter[8];
    const uint64_t draw = ep->draws++;
    for (unsigned i = 0; i < sizeof counter; i++)
        counter[i] = (uint8_t)(draw >> (8 * i));
    return ftun_siphash(&ep->config.key, counter, sizeof counter);
}

/* A flow that its application has given up: no datagram from it or to it. */
static uint64_t disused_at(const struct ftun_endpoint *ep, const struct ftun_flow *f)
{
    return f->open ? ftun_instant_after(f->used_at, ep->config.timeouts.idle_ns) : FTUN_NEVER;
}

uint64_t ftun_endpoint_flow_deadline(const struct ftun_endpoint *ep, const struct ftun_flow *f)
{
    const uint64_t due = ftun_connection_deadline(&f->connection, &ep->config.timeouts);
    return ftun_earlier(due, ftun_earlier(disused_at(ep, f), ftun_endpoint_rival_at(ep, f)));
}

static void count_lingering(struct ftun_endpoint *ep, struct ftun_flow *f, bool lingers)
{
    ep->lingering += lingers;
    ep->lingering -= f->lingers;
    f->lingers = lingers;
}

void ftun_endpoint_watch(struct ftun_endpoint *ep, uint32_t flow)
{
    struct ftun_flow *f = &ep->table.flows[flow];
    count_lingering(ep, f, f->connection.state == FTUN_TIME_WAIT);
    ftun_deadlines_advance(&ep->deadlines, flow, ftun_endpoint_flow_deadline(ep, f));
}

uint64_t ftun_endpoint_seed(const struct ftun_endpoint *ep, const struct ftun_tuple *tuple)
{
    return ftun_tuple_hash(&ep->config.key, tuple, FTUN_HASH_SEED, 0);
}

/* Strangers are answered as Linux would. */
static void init_segment(const struct ftun_endpoint *ep, uint32_t flow,
                         const struct ftun_tuple *tuple, struct ftun_segment *segment)
{
    const struct ftun_profile *profile = &ep->linux_profile;
    segment->tuple = *tuple;
    segment->payload_len = 0;
    if (flow == FTUN_NO_FLOW) {
        segment->flow_label = ftun_connection_flow_label(profile, ftun_endpoint_seed(ep, tuple));
    } else {
        profile = ep->table.flows[flow].connection.profile;
        segment->flow_label = ep->table.flows[flow].connection.flow_label;
    }
    segment->ttl = (uint8_t)(profile->ttl + ep->config.hops);
}

void ftun_endpoint_send_control(struct ftun_endpoint *ep, uint32_t flow,
                                const struct ftun_tuple *tuple, const struct ftun_tcp_header *tcp,
                                uint16_t ip_id, struct ftun_actions *actions)
{
    struct ftun_action *action = ftun_endpoint_act(actions, FTUN_ACTION_SEND, flow);
    init_segment(ep, flow, tuple, &action->send.segment);
    action->send.segment.tcp = *tcp;
    action->send.segment.ip_id = ip_id;
    action->send.data = NULL;
    action->send.offset = 0;
    action->send.stride = 0;
    ep->counters.segments_sent++;
}

struct ftun_segment *ftun_endpoint_append_payload(struct ftun_endpoint *ep, uint32_t flow,
                                                  const uint8_t *data, size_t offset, size_t len,
                                                  size_t stride, struct ftun_actions *actions)
{
    struct ftun_action *action = ftun_endpoint_act(actions, FTUN_ACTION_SEND, flow);
    init_segment(ep, flow, &ep->table.flows[flow].tuple, &action->send.segment);
    action->send.segment.payload_len = len;
    action->send.data = data;
    action->send.offset = offset;
    action->send.stride = stride;
    ep->counters.segments_sent += ftun_datagram_count(len, stride);
    return &action->send.segment;
}

void ftun_endpoint_send_payload(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                                const uint8_t *data, size_t offset, size_t len, size_t stride,
                                struct ftun_actions *actions)
{
    struct ftun_connection *connection = &ep->table.flows[flow].connection;
    struct ftun_segment *segment =
        ftun_endpoint_append_payload(ep, flow, data, offset, len, stride, actions);
    ftun_connection_data(connection, now_ns, len, ftun_datagram_count(len, stride), &segment->tcp,
                         &segment->ip_id);
    if (connection->liveness.asked_at == now_ns)
        ftun_endpoint_watch(ep, flow);
}

static void join_turn(struct ftun_endpoint *ep, uint32_t flow)
{
    struct ftun_flow *f = &ep->table.flows[flow];
    if (!f->connection.ack_due || f->in_turn)
        return;
    f->in_turn = true;
    f->next_in_turn = ep->turn;
    ep->turn = flow;
}

void ftun_endpoint_send_datagrams(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                                  const uint8_t *data, size_t offset, size_t len, size_t stride,
                                  struct ftun_actions *actions)
{
    struct ftun_connection *connection = &ep->table.flows[flow].connection;
    const size_t sendable = ftun_connection_sendable(connection, now_ns, len, stride);
    if (sendable < len) {
        ftun_endpoint_refuse(ep, FTUN_REFUSED_WINDOW_FULL,
                             ftun_datagram_count(len - sendable, stride));
        ftun_connection_probe_window(connection, now_ns);
        join_turn(ep, flow);
    }
    if (sendable == 0)
        return;
    ftun_endpoint_send_payload(ep, now_ns, flow, data, offset, sendable, stride, actions);
    ep->counters.datagrams_sent += ftun_datagram_count(sendable, stride);
    ep->counters.bytes_sent += sendable;
}

/* --- flows -------------------------------------------------------------------------------- */

void ftun_endpoint_open_flow(struct ftun_endpoint *ep, uint32_t flow)
{
    ep->table.flows[flow].open = true;
    ep->open++;
}

void ftun_endpoint_forget_flow(struct ftun_endpoint *ep, uint32_t flow)
{
    count_lingering(ep, &ep->table.flows[flow], false);
    ftun_flow_table_unlink(&ep->table, flow);
    ftun_deadlines_remove(&ep->deadlines, flow);
    ftun_flow_table_give(&ep->table, flow);
}

/* The application's flow has ended: the connection may still have a FIN to exchange. */
static void end_flow(struct ftun_endpoint *ep, uint32_t flow, enum ftun_close_reason reason,
                     struct ftun_actions *actions)
{
    struct ftun_flow *f = &ep->table.flows[flow];
    if (!f->open)
        return;
    ftun_endpoint_rival_drop(ep, flow);
    f->open = false;
    ep->open--;
    ftun_flow_table_unlink_application(&ep->table, flow);
    const uint32_t dropped = ftun_pending_drop(&ep->pending, &f->pending);
    ftun_endpoint_refuse(ep, FTUN_REFUSED_FLOW_CLOSING, dropped);
    if (!f->announced)
        return;
    ftun_endpoint_act(actions, FTUN_ACTION_CLOSE, flow)->close.reason = reason;
    ep->counters.flows_closed++;
}

static void send_handshake_packet(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                                  struct ftun_actions *actions)
{
    const size_t len = ep->config.handshake_packet_len;
    if (len > 0 && len <= ep->table.flows[flow].connection.mss)
        ftun_endpoint_send_payload(ep, now_ns, flow, ep->config.handshake_packet, 0, len, len,
                                   actions);
}

void ftun_endpoint_send_pending(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                                struct ftun_actions *actions)
{
    struct ftun_flow *f = &ep->table.flows[flow];
    size_t len;
    const uint8_t *data;
    while ((data = ftun_pending_take(&ep->pending, &f->pending, &len)) != NULL) {
        if (len > f->connection.mss) /* the SYN-ACK may have lowered it */
            ftun_endpoint_refuse(ep, FTUN_REFUSED_DATAGRAM_TOO_LARGE, 1);
        else if (ftun_endpoint_may_forge_record(ep, &f->connection) &&
                 ftun_resume_record_read(data, len, &(struct ftun_resume_record){0}))
            ftun_endpoint_refuse(ep, FTUN_REFUSED_DATAGRAM_LIKE_RECORD, 1);
        else
            ftun_endpoint_send_datagrams(ep, now_ns, flow, data, 0, len, len, actions);
    }
}

void ftun_endpoint_tell_established(struct ftun_endpoint *ep, uint32_t flow, bool again,
                                    struct ftun_actions *actions)
{
    const struct ftun_connection *connection = &ep->table.flows[flow].connection;
    struct ftun_action *action = ftun_endpoint_act(actions, FTUN_ACTION_ESTABLISHED, flow);
    action->established.tuple = ep->table.flows[flow].tuple;
    action->established.profile = connection->profile;
    action->established.mss = connection->mss;
    action->established.again = again;
}

void ftun_endpoint_established(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                               struct ftun_actions *actions)
{
    ftun_endpoint_tell_established(ep, flow, false, actions);
    send_handshake_packet(ep, now_ns, flow, actions);
    ftun_endpoint_send_record(ep, now_ns, flow, actions);
    if (!ftun_endpoint_awaits_answer(&ep->table.flows[flow]))
        ftun_endpoint_send_pending(ep, now_ns, flow, actions);
}

void ftun_endpoint_announce(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                            struct ftun_actions *actions)
{
    struct ftun_flow *f = &ep->table.flows[flow];
    if (f->announced)
        return;
    f->announced = true;
    ep->counters.flows_opened++;
    ftun_endpoint_act(actions, FTUN_ACTION_OPEN, flow)->open.tuple = f->tuple;
    ftun_endpoint_established(ep, now_ns, flow, actions);
}

/* The deadline may have moved either way. */
static void settle(struct ftun_endpoint *ep, uint32_t flow)
{
    ftun_flow_table_link(&ep->table, flow);
    ftun_deadlines_remove(&ep->deadlines, flow);
    ftun_endpoint_watch(ep, flow);
    join_turn(ep, flow);
}

void ftun_endpoint_exchange_connections(struct ftun_endpoint *ep, uint32_t a, uint32_t b)
{
    struct ftun_flow *first = &ep->table.flows[a];
    struct ftun_flow *second = &ep->table.flows[b];
    ftun_flow_table_unlink(&ep->table, a);
    ftun_flow_table_unlink(&ep->table, b);
    const struct ftun_connection connection = first->connection;
    const struct ftun_tuple tuple = first->tuple;
    const uint32_t source = first->source;
    first->connection = second->connection;
    first->tuple = second->tuple;
    first->source = second->source;
    second->connection = connection;
    second->tuple = tuple;
    second->source = source;
    settle(ep, a);
    settle(ep, b);
}

/* --- steps -------------------------------------------------------------------------------- */

void ftun_endpoint_apply(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                         const struct ftun_step *step, struct ftun_actions *actions)
{
    struct ftun_flow *f = &ep->table.flows[flow];
    if (step->has_segment)
        ftun_endpoint_send_control(ep, flow, &f->tuple, &step->segment, step->ip_id, actions);
    if (step->established && ftun_endpoint_is_rival(f)) {
        ftun_endpoint_rival_established(ep, now_ns, flow, actions);
        return;
    }
    if (step->established) {
        ftun_endpoint_server_answered(ep, f);
        ftun_endpoint_established(ep, now_ns, flow, actions);
    }
    if (step->repeat_opening)
        ftun_endpoint_repeat_record(ep, now_ns, flow, actions);
    if (step->opening_ignored)
        ftun_endpoint_send_pending(ep, now_ns, flow, actions);
    if (ftun_endpoint_redial(ep, now_ns, flow, step->closed, actions) ||
        ftun_endpoint_detach(ep, now_ns, flow, step->closed))
        return;
    if (step->closed != FTUN_STILL_OPEN)
        end_flow(ep, flow, step->closed, actions);
    if (step->gone) {
        ftun_endpoint_rival_leave(ep, now_ns, flow);
        ftun_endpoint_forget_flow(ep, flow);
        return;
    }
    join_turn(ep, flow);
    ftun_endpoint_watch(ep, flow);
}

static void close_flow(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                       struct ftun_actions *actions)
{
    struct ftun_flow *f = &ep->table.flows[flow];
    struct ftun_step step;
    if (f->detached) /* there is nothing to close */
        ftun_connection_abort(&f->connection, FTUN_CLOSED_LOCALLY, &step);
    else
        ftun_connection_close(&f->connection, now_ns, FTUN_CLOSED_LOCALLY, &step);
    ftun_endpoint_apply(ep, now_ns, flow, &step, actions);
}

void ftun_endpoint_close(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                         struct ftun_actions *actions)
{
    actions->count = 0;
    if (flow >= ep->table.begun || !ep->table.flows[flow].in_use || !ep->table.flows[flow].open)
        return;
    close_flow(ep, now_ns, flow, actions);
}

bool ftun_endpoint_close_all(struct ftun_endpoint *ep, uint64_t now_ns,
                             struct ftun_actions *actions)
{
    actions->count = 0;
    ep->closing = true;
    for (; ep->close_from < ep->table.begun; ep->close_from++) {
        struct ftun_flow *f = &ep->table.flows[ep->close_from];
        if (!f->in_use || !f->open)
            continue;
        if (actions->count + FTUN_STEP_ACTIONS_MAX > FTUN_ACTIONS_MAX)
            return true;
        close_flow(ep, now_ns, ep->close_from, actions);
    }
    ep->close_from = 0;
    return false;
}

/* --- turns and time ----------------------------------------------------------------------- */

bool ftun_endpoint_end_turn(struct ftun_endpoint *ep, uint64_t now_ns, struct ftun_actions *actions)
{
    actions->count = 0;
    while (ep->turn != FTUN_NO_FLOW) {
        if (actions->count == FTUN_ACTIONS_MAX)
            return true;
        const uint32_t flow = ep->turn;
        struct ftun_flow *f = &ep->table.flows[flow];
        ep->turn = f->next_in_turn;
        f->in_turn = false;
        struct ftun_step step;
        ftun_connection_end_turn(&f->connection, now_ns, &step);
        if (step.has_segment)
            ftun_endpoint_send_control(ep, flow, &f->tuple, &step.segment, step.ip_id, actions);
    }
    return false;
}

uint64_t ftun_endpoint_deadline(const struct ftun_endpoint *ep)
{
    return ep->deadlines.count == 0 ? FTUN_NEVER : ep->deadlines.heap[0].at_ns;
}

/* Do the one thing that is due of a flow. */
static void expire(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                   struct ftun_actions *actions)
{
    struct ftun_flow *f = &ep->table.flows[flow];
    struct ftun_step step = {0};
    ftun_deadlines_remove(&ep->deadlines, flow);
    if (ftun_endpoint_rival_yields(ep, flow))
        step.gone = true;
    else if (f->detached)
        ftun_connection_abort(&f->connection, FTUN_CLOSED_RESET, &step);
    else if (disused_at(ep, f) <= now_ns)
        ftun_connection_close(&f->connection, now_ns, FTUN_CLOSED_IDLE, &step);
    else if (ftun_endpoint_rival_at(ep, f) <= now_ns)
        ftun_endpoint_rival_begin(ep, now_ns, flow, actions);
    else
        ftun_connection_timeout(&f->connection, now_ns, &ep->config.timeouts, &step);
    ftun_endpoint_apply(ep, now_ns, flow, &step, actions);
}

void ftun_endpoint_timeout(struct ftun_endpoint *ep, uint64_t now_ns, struct ftun_actions *actions)
{
    actions->count = 0;
    while (ftun_endpoint_deadline(ep) <= now_ns &&
           actions->count + FTUN_STEP_ACTIONS_MAX <= FTUN_ACTIONS_MAX) {
        const uint32_t flow = ep->deadlines.heap[0].flow;
        ftun_endpoint_limit_mtu(ep, flow, ep->config.mtu, actions); /* it may be smaller now */
        const uint64_t due = ftun_endpoint_flow_deadline(ep, &ep->table.flows[flow]);
        if (due <= now_ns)
            expire(ep, now_ns, flow, actions);
        else
            ftun_deadlines_set(&ep->deadlines, flow, due);
    }
}
