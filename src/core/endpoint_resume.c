/* Theory of resumption: docs/resumption.md
 *
 * A client's connection begins with a record, which the server answers; see resume_token.h. Both
 * are taken out of the payload here. The record is sent again until it is answered, the answer
 * whenever the record comes. Where a flow goes on, the client's datagrams wait for the answer, or
 * would come to the server's application from a new port; where one begins, they leave behind the
 * record.
 *
 * The server takes one record a connection. While it may not have it, the client sends no datagram
 * that looks like one, whatever was lost or has overtaken what: so that nobody who makes an
 * application send datagrams can make records. */
#include "endpoint_state.h"

/* --- sending ------------------------------------------------------------------------------ */

/* Where the payload of the next action may lie: a place for each action of a call. */
static uint8_t *message_of_next_action(struct ftun_endpoint *ep, const struct ftun_actions *actions)
{
    return ep->messages[actions->count];
}

/* As data like any other, behind what was sent before: a firewall finds nothing in it. */
static void send_message(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                         const uint8_t *message, size_t len, struct ftun_actions *actions)
{
    struct ftun_connection *connection = &ep->table.flows[flow].connection;
    if (ftun_connection_sendable(connection, now_ns, len, len) == len)
        ftun_endpoint_send_payload(ep, now_ns, flow, message, 0, len, len, actions);
}

/* --- a client's records ------------------------------------------------------------------- */

/* Phantun names no MSS, and would deliver the record. */
static bool peer_resumes(const struct ftun_endpoint *ep, const struct ftun_connection *connection)
{
    return ep->config.role == FTUN_CLIENT && ep->config.resumption &&
           connection->profile->resumes && connection->peer_named_mss;
}

/* What the server keeps of the record shown last. */
static struct ftun_resume_value kept_value(const struct ftun_endpoint *ep,
                                           const struct ftun_resumption *r)
{
    return ftun_resume_chain_value(&ep->config.key, r->chain, r->next - 1u);
}

/* The next value of the flow's chain, the last one of each but the first together with the next
 * chain. Returns what the server keeps in its place: what kept_value() says, for half the hashes
 * where it is the same value. */
static struct ftun_resume_value show_next_value(struct ftun_endpoint *ep, struct ftun_resumption *r)
{
    if (r->chain == 0)
        r->chain = ++ep->chains;
    r->value = ftun_resume_chain_value(&ep->config.key, r->chain, r->next);
    if (++r->next < FTUN_RESUME_CHAIN)
        return r->value;
    r->chain = ++ep->chains;
    r->next = 1; /* the server keeps value 0 */
    return kept_value(ep, r);
}

static void send_record_keeping(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                                const struct ftun_resume_value *keep, struct ftun_actions *actions)
{
    const struct ftun_resumption *r = &ep->table.flows[flow].resumption;
    uint8_t *message = message_of_next_action(ep, actions);
    const struct ftun_resume_record record = {
        .value = r->value,
        .keep = *keep,
        .ticket = r->ticket,
    };
    ftun_resume_record_write(&record, message);
    send_message(ep, now_ns, flow, message, FTUN_RESUME_RECORD, actions);
}

void ftun_endpoint_send_record(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                               struct ftun_actions *actions)
{
    struct ftun_flow *f = &ep->table.flows[flow];
    if (!peer_resumes(ep, &f->connection))
        return;
    const struct ftun_resume_value keep = show_next_value(ep, &f->resumption);
    ftun_connection_opening(&f->connection, now_ns);
    send_record_keeping(ep, now_ns, flow, &keep, actions);
    ftun_endpoint_watch(ep, flow);
}

void ftun_endpoint_repeat_record(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                                 struct ftun_actions *actions)
{
    const struct ftun_resume_value keep = kept_value(ep, &ep->table.flows[flow].resumption);
    send_record_keeping(ep, now_ns, flow, &keep, actions);
}

bool ftun_endpoint_awaits_answer(const struct ftun_flow *f)
{
    return f->resumption.ticket != FTUN_NO_TICKET && f->connection.state == FTUN_ESTABLISHED &&
           f->connection.opening == FTUN_OPENING_SENT && f->connection.retransmit_at != FTUN_NEVER;
}

bool ftun_endpoint_may_forge_record(const struct ftun_endpoint *ep,
                                    const struct ftun_connection *connection)
{
    return ep->config.role == FTUN_CLIENT && connection->profile->resumes &&
           connection->opening != FTUN_OPENING_ANSWERED;
}

/* --- a server's answers ------------------------------------------------------------------- */

static void write_answer(const struct ftun_flow *f, const struct ftun_resume_record *record,
                         uint8_t *out)
{
    const struct ftun_resume_answer answer = {
        .ticket = f->resumption.ticket,
        .resumed = f->resumption.ticket == record->ticket,
    };
    ftun_resume_answer_write(&answer, &record->value, out);
}

static void answer_record(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                          const struct ftun_resume_record *record, struct ftun_actions *actions)
{
    struct ftun_flow *f = &ep->table.flows[flow];
    uint8_t *message = message_of_next_action(ep, actions);
    ftun_connection_opening_answered(&f->connection);
    write_answer(f, record, message);
    send_message(ep, now_ns, flow, message, FTUN_RESUME_ANSWER, actions);
}

/* A ticket names its flow, by the low half, and nobody can guess it. */
static uint64_t draw_ticket(struct ftun_endpoint *ep, uint32_t flow)
{
    const uint64_t never_none = UINT64_C(1) << 63;
    return (ftun_endpoint_draw(ep) & ~(uint64_t)UINT32_MAX) | never_none | flow;
}

/* The flow that goes on, by what the record shows; FTUN_NO_FLOW. */
static uint32_t find_resumed(const struct ftun_endpoint *ep,
                             const struct ftun_resume_record *record)
{
    const uint32_t flow = (uint32_t)record->ticket;
    if (record->ticket == FTUN_NO_TICKET || flow >= ep->table.begun)
        return FTUN_NO_FLOW;
    const struct ftun_flow *f = &ep->table.flows[flow];
    const bool goes_on = f->in_use && f->open && f->announced &&
                         f->resumption.ticket == record->ticket &&
                         ftun_resume_value_follows(&record->value, &f->resumption.value);
    return goes_on ? flow : FTUN_NO_FLOW;
}

bool ftun_endpoint_detach(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                          enum ftun_close_reason reason)
{
    struct ftun_flow *f = &ep->table.flows[flow];
    if (ep->config.role != FTUN_SERVER || reason != FTUN_CLOSED_RESET || !f->announced ||
        f->detached || f->resumption.ticket == FTUN_NO_TICKET)
        return false;
    f->detached = true;
    ftun_connection_linger(&f->connection, now_ns);
    ftun_endpoint_watch(ep, flow);
    return true;
}

/* The flow `old` goes on over the connection of `fresh`, which ends with the connection that it
 * has had. */
static void take_over(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t old, uint32_t fresh,
                      struct ftun_actions *actions)
{
    struct ftun_flow *f = &ep->table.flows[old];
    struct ftun_step step;
    ftun_endpoint_exchange_connections(ep, old, fresh);
    if (f->detached)
        ftun_connection_abort(&ep->table.flows[fresh].connection, FTUN_CLOSED_RESET, &step);
    else
        ftun_connection_close(&ep->table.flows[fresh].connection, now_ns, FTUN_CLOSED_LOCALLY,
                              &step);
    ftun_endpoint_apply(ep, now_ns, fresh, &step, actions);
    f->detached = false;
    f->used_at = now_ns;
    ep->counters.flows_resumed++;
    ftun_flow_table_heard(&ep->table, old);
    ftun_endpoint_tell_established(ep, old, true, actions);
}

/* Returns the flow that the connection of `flow` belongs to from now on. */
static uint32_t take_record(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                            const struct ftun_resume_record *record, struct ftun_actions *actions)
{
    const bool begun = ep->table.flows[flow].announced;
    const uint32_t resumed = begun ? FTUN_NO_FLOW : find_resumed(ep, record);
    const uint32_t owner = resumed != FTUN_NO_FLOW ? resumed : flow;
    struct ftun_resumption *r = &ep->table.flows[owner].resumption;
    if (resumed != FTUN_NO_FLOW)
        take_over(ep, now_ns, resumed, flow, actions);
    else
        r->ticket = draw_ticket(ep, flow);
    r->value = record->keep;
    answer_record(ep, now_ns, owner, record, actions);
    return owner;
}

/* At the beginning of the payload: what the kernel has glued to it are datagrams. */
static uint32_t look_for_record(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                                struct ftun_payload *payload, struct ftun_actions *actions)
{
    const struct ftun_flow *f = &ep->table.flows[flow];
    const size_t len = payload->len < payload->stride ? payload->len : payload->stride;
    struct ftun_resume_record record;
    if (!ftun_endpoint_expects_record(ep, flow) ||
        !ftun_resume_record_read(payload->data, len, &record))
        return flow;
    if (f->connection.opening == FTUN_OPENING_NONE)
        flow = take_record(ep, now_ns, flow, &record, actions);
    else if (ftun_resume_value_equal(&record.keep, &f->resumption.value))
        answer_record(ep, now_ns, flow, &record, actions);
    else
        return flow;
    payload->data += len;
    payload->len -= len;
    if (payload->len < payload->stride) /* one datagram, shorter than the record */
        payload->stride = payload->len;
    return flow;
}

bool ftun_endpoint_expects_record(const struct ftun_endpoint *ep, uint32_t flow)
{
    return ep->config.role == FTUN_SERVER && ep->config.resumption &&
           ep->table.flows[flow].connection.profile->resumes;
}

/* --- a client's answers ------------------------------------------------------------------- */

static void take_answer(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                        const struct ftun_resume_answer *answer, struct ftun_actions *actions)
{
    struct ftun_flow *f = &ep->table.flows[flow];
    if (f->connection.opening == FTUN_OPENING_ANSWERED)
        return; /* again */
    ftun_connection_opening_answered(&f->connection);
    f->resumption.ticket = answer->ticket;
    ep->counters.flows_resumed += answer->resumed;
    ftun_endpoint_send_pending(ep, now_ns, flow, actions);
}

/* At the end of the payload: the push bit behind it ends what a kernel glues. */
static void look_for_answer(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                            struct ftun_payload *payload, struct ftun_actions *actions)
{
    const struct ftun_flow *f = &ep->table.flows[flow];
    const size_t before = (payload->len - 1) / payload->stride * payload->stride;
    struct ftun_resume_answer answer;
    if (f->connection.opening == FTUN_OPENING_NONE ||
        !ftun_resume_answer_read(payload->data + before, payload->len - before,
                                 &f->resumption.value, &answer))
        return;
    take_answer(ep, now_ns, flow, &answer, actions);
    payload->len = before;
}

uint32_t ftun_endpoint_take_messages(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                                     struct ftun_payload *payload, struct ftun_actions *actions)
{
    if (ep->config.role == FTUN_SERVER)
        return look_for_record(ep, now_ns, flow, payload, actions);
    look_for_answer(ep, now_ns, flow, payload, actions);
    return flow;
}
