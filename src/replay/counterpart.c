#include "counterpart.h"

#include <stdlib.h>
#include <string.h>

enum {
    TUPLES = 4096, /* more than an endpoint has flows: strangers' tuples yield */
    PORTS = 65536
};

bool ftun_counterparts_create(struct ftun_counterparts *c, enum ftun_role role, uint32_t max_flows)
{
    *c = (struct ftun_counterparts){
        .role = role,
        .at = calloc(TUPLES, sizeof *c->at),
        .of_flow = malloc(max_flows * sizeof *c->of_flow),
        .max_flows = max_flows,
        .captured_port = malloc(PORTS * sizeof *c->captured_port),
    };
    if (!ftun_tuple_map_create(&c->map, TUPLES) || c->at == NULL || c->of_flow == NULL ||
        c->captured_port == NULL) {
        ftun_counterparts_free(c);
        return false;
    }
    ftun_counterparts_clear(c);
    return true;
}

void ftun_counterparts_clear(struct ftun_counterparts *c)
{
    ftun_tuple_map_clear(&c->map);
    for (uint32_t i = 0; i < c->max_flows; i++)
        c->of_flow[i] = FTUN_NO_TUPLE;
    memset(c->captured_port, 0, PORTS * sizeof *c->captured_port);
    c->opening = FTUN_NO_TUPLE;
    c->redialled = FTUN_NO_FLOW;
}

void ftun_counterparts_free(struct ftun_counterparts *c)
{
    ftun_tuple_map_free(&c->map);
    free(c->at);
    free(c->of_flow);
    free(c->captured_port);
}

struct ftun_counterpart *ftun_counterpart_find(struct ftun_counterparts *c,
                                               const struct ftun_tuple *captured)
{
    const uint32_t index = ftun_tuple_map_find(&c->map, captured);
    return index == FTUN_NO_TUPLE ? NULL : &c->at[index];
}

static uint32_t find_or_add(struct ftun_counterparts *c, const struct ftun_tuple *captured)
{
    uint32_t index = ftun_tuple_map_find(&c->map, captured);
    if (index != FTUN_NO_TUPLE)
        return index;
    bool yielded;
    index = ftun_tuple_map_add(&c->map, captured, &yielded);
    c->at[index] = (struct ftun_counterpart){.port = captured->local.port, .flow = FTUN_NO_FLOW};
    return index;
}

/* --- towards the endpoint ----------------------------------------------------------------- */

/* A capture without the SYN-ACK: the first acknowledgment shows what it must have been. */
static void guess_offset(struct ftun_counterpart *counterpart, const struct ftun_numbers *numbers)
{
    const uint8_t flags = numbers->flags & (FTUN_SYN | FTUN_ACK | FTUN_RST | FTUN_FIN);
    if (counterpart->offset_known || flags != FTUN_ACK)
        return;
    counterpart->offset = counterpart->isn + 1 - numbers->value;
    counterpart->offset_known = true;
}

void ftun_counterpart_receive(struct ftun_counterparts *c, uint8_t *packet, size_t len)
{
    struct ftun_numbers numbers;
    if (!ftun_numbers_find(packet, len, &numbers))
        return;
    struct ftun_counterpart *counterpart = ftun_counterpart_find(c, &numbers.tuple);
    if (counterpart == NULL)
        return;
    guess_offset(counterpart, &numbers);
    ftun_numbers_rewrite(packet, &numbers, counterpart->port, counterpart->offset);
}

void ftun_counterpart_align(struct ftun_counterpart *counterpart, uint32_t captured, uint32_t own)
{
    counterpart->offset = own - captured;
    counterpart->offset_known = true;
}

/* --- a client's connections --------------------------------------------------------------- */

/* The captured connection and the endpoint's are the same from now on. */
static void bind_connection(struct ftun_counterparts *c, uint32_t index, uint32_t flow,
                            uint16_t port, uint32_t isn)
{
    struct ftun_counterpart *counterpart = &c->at[index];
    counterpart->port = port;
    counterpart->flow = flow;
    counterpart->isn = isn;
    ftun_counterpart_align(counterpart, c->opening_sequence, isn);
    c->captured_port[port] = c->map.slots[index].tuple.local.port;
    c->of_flow[flow] = index;
    ftun_tuple_map_pin(&c->map, index, true);
}

bool ftun_counterpart_open(struct ftun_counterparts *c, const struct ftun_tuple *captured,
                           uint32_t sequence)
{
    c->opening = find_or_add(c, captured);
    c->opening_sequence = sequence;
    struct ftun_counterpart *counterpart = &c->at[c->opening];
    counterpart->sent_to = sequence + 1;
    counterpart->has_sent = true;
    if (c->redialled == FTUN_NO_FLOW)
        return false;
    bind_connection(c, c->opening, c->redialled, c->redialled_port, c->redialled_isn);
    c->redialled = FTUN_NO_FLOW;
    c->opening = FTUN_NO_TUPLE;
    return true;
}

/* The endpoint's SYN: the one it was asked for, or a second attempt, in the other dialect. */
static void learn_syn(struct ftun_counterparts *c, const struct ftun_action *action)
{
    const uint16_t port = action->send.segment.tuple.local.port;
    const uint32_t isn = action->send.segment.tcp.sequence;
    const uint32_t index = c->of_flow[action->flow];
    if (c->opening != FTUN_NO_TUPLE) {
        bind_connection(c, c->opening, action->flow, port, isn);
        c->opening = FTUN_NO_TUPLE;
    } else if (index != FTUN_NO_TUPLE && c->at[index].port != port) {
        c->at[index].flow = FTUN_NO_FLOW; /* what is still captured of it is not the flow's */
        ftun_tuple_map_pin(&c->map, index, false);
        c->redialled = action->flow;
        c->redialled_port = port;
        c->redialled_isn = isn;
    }
}

/* --- from the endpoint -------------------------------------------------------------------- */

static void learn_syn_ack(struct ftun_counterparts *c, const struct ftun_segment *segment)
{
    struct ftun_counterpart *counterpart = &c->at[find_or_add(c, &segment->tuple)];
    const uint32_t isn = segment->tcp.sequence;
    counterpart->offset =
        counterpart->offset_known ? counterpart->offset + isn - counterpart->isn : isn;
    counterpart->isn = isn;
}

static void learn_segment(struct ftun_counterparts *c, const struct ftun_action *action)
{
    switch (action->send.segment.tcp.flags & (FTUN_SYN | FTUN_ACK)) {
    case FTUN_SYN | FTUN_ACK:
        learn_syn_ack(c, &action->send.segment);
        break;
    case FTUN_SYN:
        learn_syn(c, action);
        break;
    default:
        break;
    }
}

static void learn_open(struct ftun_counterparts *c, const struct ftun_action *action)
{
    if (c->role == FTUN_CLIENT)
        return; /* its SYN says it */
    const uint32_t index = find_or_add(c, &action->open.tuple);
    c->at[index].flow = action->flow;
    c->of_flow[action->flow] = index;
    ftun_tuple_map_pin(&c->map, index, true);
}

static void learn_close(struct ftun_counterparts *c, uint32_t flow)
{
    const uint32_t index = c->of_flow[flow];
    if (c->redialled == flow)
        c->redialled = FTUN_NO_FLOW;
    if (index == FTUN_NO_TUPLE)
        return;
    c->at[index].flow = FTUN_NO_FLOW;
    c->of_flow[flow] = FTUN_NO_TUPLE;
    ftun_tuple_map_pin(&c->map, index, false);
}

static void learn_mss(struct ftun_counterparts *c, uint32_t flow, uint16_t mss)
{
    if (c->of_flow[flow] != FTUN_NO_TUPLE)
        c->at[c->of_flow[flow]].mss = mss;
}

void ftun_counterpart_learn(struct ftun_counterparts *c, const struct ftun_actions *actions)
{
    for (size_t i = 0; i < actions->count; i++) {
        const struct ftun_action *action = &actions->at[i];
        switch (action->kind) {
        case FTUN_ACTION_SEND:
            learn_segment(c, action);
            break;
        case FTUN_ACTION_OPEN:
            learn_open(c, action);
            break;
        case FTUN_ACTION_ESTABLISHED:
            learn_mss(c, action->flow, action->established.mss);
            break;
        case FTUN_ACTION_MSS:
            learn_mss(c, action->flow, action->mss.mss);
            break;
        case FTUN_ACTION_CLOSE:
            learn_close(c, action->flow);
            break;
        case FTUN_ACTION_DELIVER:
        case FTUN_ACTION_RECONNECT:
        case FTUN_ACTION_HAND_OVER:
            break;
        }
    }
}

static void restore_port(const struct ftun_counterparts *c, struct ftun_tuple *tuple)
{
    const uint16_t port = c->captured_port[tuple->local.port];
    if (c->role == FTUN_CLIENT && port != 0)
        tuple->local.port = port;
}

/* RST|ACK answers a segment without ACK from a stranger: its sequence number is 0, and nobody's. */
static bool has_own_number(const struct ftun_action *action)
{
    return action->flow != FTUN_NO_FLOW || action->send.segment.tcp.flags != (FTUN_RST | FTUN_ACK);
}

static void restore_segment(struct ftun_counterparts *c, struct ftun_action *action)
{
    struct ftun_segment *segment = &action->send.segment;
    restore_port(c, &segment->tuple);
    const struct ftun_counterpart *counterpart = ftun_counterpart_find(c, &segment->tuple);
    if (counterpart != NULL && has_own_number(action))
        segment->tcp.sequence -= counterpart->offset;
}

struct ftun_action ftun_counterpart_restore(struct ftun_counterparts *c,
                                            const struct ftun_action *action)
{
    struct ftun_action restored = *action;
    if (action->kind == FTUN_ACTION_SEND)
        restore_segment(c, &restored);
    else if (action->kind == FTUN_ACTION_OPEN)
        restore_port(c, &restored.open.tuple);
    else if (action->kind == FTUN_ACTION_ESTABLISHED)
        restore_port(c, &restored.established.tuple);
    return restored;
}
