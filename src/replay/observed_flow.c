#include "observed_flow.h"

#include "mirror.h"
#include "sequence.h"
#include "text.h"

enum { CONTROL = FTUN_SYN | FTUN_ACK | FTUN_RST | FTUN_FIN };

static uint8_t control(const struct ftun_passing *p)
{
    return p->packet->tcp.flags & CONTROL;
}

static uint8_t index_of(const struct ftun_passing *p, const struct ftun_observed_end *end)
{
    return end == &p->flow->end[0] ? 0 : 1;
}

/* What is plainly not the other end's doing changes nothing: neither its connection nor the flow's
 * numbers. */
static bool is_genuine(enum ftun_refusal verdict)
{
    return verdict == FTUN_TAKEN || verdict == FTUN_REFUSED_ACK_UNACCEPTABLE ||
           verdict == FTUN_REFUSED_DATA_AFTER_CLOSE;
}

/* --- findings ----------------------------------------------------------------------------- */

/* The first of its kind: who sent it. */
static void note(const struct ftun_passing *p, struct ftun_findings *findings,
                 enum ftun_finding finding)
{
    if (!ftun_findings_note(findings, finding, p->number))
        return;
    struct ftun_text text =
        ftun_text_start(findings->first[finding], sizeof findings->first[finding]);
    ftun_text_string(&text, "from ");
    ftun_text_socket_address(&text, &p->flow->address[index_of(p, p->from)]);
    ftun_text_string(&text, " to ");
    ftun_text_socket_address(&text, &p->flow->address[index_of(p, p->to)]);
}

static uint16_t agreed_mss(const struct ftun_passing *p)
{
    const uint16_t a = p->from->mss;
    const uint16_t b = p->to->mss;
    if (a == 0 || b == 0)
        return a > b ? a : b;
    return a < b ? a : b;
}

/* The next segment of this size would not fit. */
static bool fills_window(const struct ftun_passing *p)
{
    const struct ftun_connection *c = &p->from->connection;
    const uint32_t after = c->snd_max + (uint32_t)p->packet->payload_len;
    return p->from->window_judged && c->state == FTUN_ESTABLISHED &&
           ftun_seq_after(after, c->snd_edge);
}

static void note_payload(const struct ftun_passing *p, struct ftun_findings *findings)
{
    const size_t len = p->packet->payload_len;
    const uint16_t mss = agreed_mss(p);
    const enum ftun_arrival arrival =
        ftun_stream_note(&p->from->sent, p->packet->tcp.sequence, len);
    if (p->message != FTUN_MESSAGE_NONE)
        ftun_stream_discount(&p->from->sent, len);
    else if (arrival == FTUN_ARRIVED_AGAIN) /* messages are sent again on purpose */
        note(p, findings,
             p->packet->ip.ttl == p->from->ttl ? FTUN_FOUND_AGAIN : FTUN_FOUND_MIDDLEBOX);
    if (mss > 0 && len > mss)
        note(p, findings, FTUN_FOUND_MERGED);
    if (fills_window(p))
        note(p, findings, FTUN_FOUND_WINDOW);
}

static void note_rst(const struct ftun_passing *p, enum ftun_refusal verdict,
                     struct ftun_findings *findings)
{
    if (verdict == FTUN_TAKEN)
        note(p, findings,
             p->flow->ended == FTUN_FLOW_REFUSED ? FTUN_FOUND_REFUSED : FTUN_FOUND_RESET);
    else if (verdict == FTUN_REFUSED_NOT_OURS_FLOW)
        note(p, findings, FTUN_FOUND_RST_STRANGER);
    else
        note(p, findings, FTUN_FOUND_RST_INEXACT);
}

static void note_segment(const struct ftun_passing *p, enum ftun_refusal verdict,
                         struct ftun_findings *findings)
{
    const struct ftun_tcp_header *tcp = &p->packet->tcp;
    const bool believed = is_genuine(verdict);
    if ((tcp->flags & FTUN_RST) != 0)
        note_rst(p, verdict, findings);
    else if (tcp->window == 0 && believed)
        note(p, findings, FTUN_FOUND_WINDOW);
    if (believed && p->packet->payload_len > 0)
        note_payload(p, findings);
}

/* --- the receiving end -------------------------------------------------------------------- */

/* As ftun's listener does, but for the cookie: what completes it is to acknowledge the captured
 * SYN-ACK, or more of what that end has sent, should the capture lack the third packet. */
static bool completes_handshake(const struct ftun_passing *p)
{
    const uint32_t first = p->to->isn + 1;
    return p->to->answered && control(p) == FTUN_ACK &&
           p->packet->tcp.acknowledgment - first <= p->to->sent.next - first;
}

static void complete_handshake(const struct ftun_passing *p)
{
    ftun_mirror_join(&p->to->connection, p->now_ns, &p->packet->tcp, p->from->window_scale);
    p->to->answered = false;
    p->to->window_judged = true;
    p->flow->handshake = FTUN_HANDSHAKE_COMPLETE;
    p->flow->established_ns = p->now_ns;
}

static enum ftun_refusal receive(const struct ftun_passing *p)
{
    struct ftun_connection *connection = &p->to->connection;
    struct ftun_step step;
    if (connection->state == FTUN_CLOSED) {
        if (control(p) == FTUN_SYN)
            return FTUN_TAKEN;
        if (!completes_handshake(p))
            return FTUN_REFUSED_NOT_OURS_FLOW;
        complete_handshake(p);
    }
    return ftun_connection_segment(connection, p->now_ns, &p->packet->tcp, p->packet->payload_len,
                                   1, &step);
}

/* --- the sending end ---------------------------------------------------------------------- */

static void learn_options(const struct ftun_passing *p)
{
    struct ftun_tcp_options options;
    ftun_tcp_options_parse(p->packet->tcp.options, p->packet->tcp.options_len, &options);
    p->from->mss = options.mss;
    p->from->window_scale = options.has_window_scale ? options.window_scale : 0;
    ftun_stream_begin(&p->from->sent, p->packet->tcp.sequence + 1);
}

static void mirror_syn(const struct ftun_passing *p, struct ftun_findings *findings)
{
    const struct ftun_connection *connection = &p->from->connection;
    const uint32_t isn = p->packet->tcp.sequence;
    if (connection->state == FTUN_SYN_SENT && connection->snd_una == isn)
        note(p, findings, FTUN_FOUND_SYN_AGAIN);
    learn_options(p);
    p->flow->dialect = ftun_dialect_of(&p->packet->tcp);
    ftun_mirror_connect(&p->from->connection, p->now_ns, &p->packet->tcp);
}

static void mirror_syn_ack(const struct ftun_passing *p)
{
    learn_options(p);
    p->from->isn = p->packet->tcp.sequence;
    p->from->answered = true;
    p->to->window_judged = true;
}

static void mirror(const struct ftun_passing *p, enum ftun_refusal verdict,
                   struct ftun_findings *findings)
{
    if (!is_genuine(verdict))
        return;
    switch (control(p) & (FTUN_SYN | FTUN_ACK)) {
    case FTUN_SYN:
        mirror_syn(p, findings);
        break;
    case FTUN_SYN | FTUN_ACK:
        mirror_syn_ack(p);
        break;
    default:
        if (p->from->connection.state != FTUN_CLOSED)
            ftun_mirror_sent(&p->from->connection, p->now_ns, &p->packet->tcp,
                             p->packet->payload_len);
        break;
    }
}

/* --- the flow ----------------------------------------------------------------------------- */

static void note_end(const struct ftun_passing *p, enum ftun_refusal verdict, bool was_opening)
{
    struct ftun_observed_flow *flow = p->flow;
    if (flow->ended != FTUN_FLOW_OPEN || !is_genuine(verdict))
        return;
    if ((p->packet->tcp.flags & FTUN_RST) != 0)
        flow->ended = was_opening ? FTUN_FLOW_REFUSED : FTUN_FLOW_RESET;
    else if ((p->packet->tcp.flags & FTUN_FIN) != 0)
        flow->ended = FTUN_FLOW_FIN;
    else
        return;
    flow->ended_by = index_of(p, p->from);
}

enum ftun_refusal ftun_observed_segment(const struct ftun_passing *p,
                                        struct ftun_findings *findings)
{
    const bool was_opening = p->to->connection.state == FTUN_SYN_SENT;
    if (p->from->segments++ == 0)
        p->from->ttl = p->packet->ip.ttl;
    p->flow->last_ns = p->now_ns;
    const enum ftun_refusal verdict = receive(p);
    note_end(p, verdict, was_opening);
    mirror(p, verdict, findings);
    note_segment(p, verdict, findings);
    return verdict;
}

void ftun_observed_join(const struct ftun_passing *p)
{
    const struct ftun_tcp_header *tcp = &p->packet->tcp;
    const struct ftun_tcp_header reversed = {.sequence = tcp->acknowledgment,
                                             .acknowledgment = tcp->sequence};
    if ((tcp->flags & FTUN_SYN) != 0) { /* a SYN-ACK: its receiver has sent the SYN before */
        const struct ftun_tcp_header syn = {.sequence = tcp->acknowledgment - 1};
        ftun_mirror_connect(&p->to->connection, p->now_ns, &syn);
        return;
    }
    ftun_mirror_join(&p->to->connection, p->now_ns, tcp, 0);
    ftun_mirror_join(&p->from->connection, p->now_ns, &reversed, 0);
}
