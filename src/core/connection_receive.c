/* Segments that arrive: RFC 9293 3.10.7, with what connection.c says of the differences. */
#include "connection_state.h"
#include "mss.h"
#include "sequence.h"

static void learn_from_syn_ack(struct ftun_connection *c, uint64_t now_ns,
                               const struct ftun_tcp_header *tcp)
{
    struct ftun_tcp_options options;
    ftun_tcp_options_parse(tcp->options, tcp->options_len, &options);
    ftun_connection_open_window(
        c, now_ns, options.has_window_scale); /* before the MSS is known not to be this end's */
    if (c->profile->timestamps)
        ftun_connection_agree_on_timestamps(c, &options);
    c->peer_named_mss = options.has_mss;
    if (options.has_mss && options.mss > 0)
        ftun_connection_limit_mss(c, ftun_mss_of_index(ftun_mss_index(options.mss)));
    c->peer_window_scale = options.has_window_scale ? options.window_scale : 0;
    c->rcv_nxt = tcp->sequence + 1;
    c->snd_una = tcp->acknowledgment;
    c->snd_edge = tcp->acknowledgment + tcp->window; /* RFC 7323 2.2: not scaled in a SYN */
}

/* RFC 9293 3.10.7.3 */
static enum ftun_refusal in_syn_sent(struct ftun_connection *c, uint64_t now_ns,
                                     const struct ftun_tcp_header *tcp, struct ftun_step *step)
{
    const bool acceptable = (tcp->flags & FTUN_ACK) != 0 && tcp->acknowledgment == c->snd_nxt;
    if ((tcp->flags & FTUN_RST) != 0) {
        if (!acceptable)
            return FTUN_REFUSED_RST_INEXACT;
        ftun_connection_end(c, FTUN_CLOSED_REFUSED, step);
        return FTUN_TAKEN;
    }
    if (!acceptable && (tcp->flags & FTUN_ACK) != 0) {
        if (ftun_connection_may_challenge(c, now_ns))
            ftun_connection_send_rst(c, tcp->acknowledgment, step);
        return FTUN_REFUSED_ACK_UNACCEPTABLE;
    }
    if (!acceptable)
        return FTUN_REFUSED_UNSUPPORTED_SIMULTANEOUS_OPEN;
    if ((tcp->flags & FTUN_SYN) == 0)
        return FTUN_REFUSED_SEQUENCE_OUTSIDE_WINDOW;
    learn_from_syn_ack(c, now_ns, tcp);
    ftun_connection_establish(c, now_ns);
    ftun_connection_send_ack(c, step);
    step->established = true;
    return FTUN_TAKEN;
}

/* What the peer may send. Phantun's window is a gigabyte; nobody needs as much. */
static uint32_t window(const struct ftun_connection *c)
{
    return c->window.size < FTUN_WINDOW_MAX ? c->window.size : FTUN_WINDOW_MAX;
}

static bool in_window(const struct ftun_connection *c, uint32_t sequence)
{
    return sequence - (c->rcv_nxt - FTUN_LATE_WINDOW) < FTUN_LATE_WINDOW + window(c);
}

/* RFC 9293 3.10.7.4, first: what is outside the window is answered by an ACK, unless it is RST. */
static enum ftun_refusal check_sequence(struct ftun_connection *c, uint64_t now_ns,
                                        const struct ftun_tcp_header *tcp, struct ftun_step *step)
{
    if (in_window(c, tcp->sequence))
        return FTUN_TAKEN;
    if ((tcp->flags & FTUN_RST) == 0)
        ftun_connection_send_challenge(c, now_ns, step);
    return FTUN_REFUSED_SEQUENCE_OUTSIDE_WINDOW;
}

/* RFC 7323 5.2: what is older than the last echo is refused (PAWS). A kernel's TCP has no use for a
 * segment that is overtaken; here it is a datagram like any other, so only one that is later than
 * any network makes it is refused. And RFC 7323 3.2: where timestamps were agreed on, each segment
 * has them. */
static enum ftun_refusal check_timestamps(struct ftun_connection *c, uint64_t now_ns,
                                          const struct ftun_tcp_header *tcp, struct ftun_step *step)
{
    if (!c->timestamps)
        return FTUN_TAKEN;
    struct ftun_tcp_options options;
    ftun_tcp_options_parse(tcp->options, tcp->options_len, &options);
    if (!options.has_timestamps)
        return FTUN_REFUSED_TIMESTAMP_UNACCEPTABLE;
    if (ftun_seq_before(options.timestamp_value, c->timestamp_recent - FTUN_TIMESTAMP_LATE)) {
        ftun_connection_send_challenge(c, now_ns, step);
        return FTUN_REFUSED_TIMESTAMP_UNACCEPTABLE;
    }
    if (!ftun_seq_after(tcp->sequence, c->acknowledged) &&
        !ftun_seq_before(options.timestamp_value, c->timestamp_recent)) /* RFC 7323 4.3 */
        c->timestamp_recent = options.timestamp_value;
    return FTUN_TAKEN;
}

/* RFC 5961 3.2: only the exact next sequence number resets. */
static enum ftun_refusal take_rst(struct ftun_connection *c, uint64_t now_ns,
                                  const struct ftun_tcp_header *tcp, struct ftun_step *step)
{
    if (tcp->sequence != c->rcv_nxt) {
        ftun_connection_send_challenge(c, now_ns, step);
        return FTUN_REFUSED_RST_INEXACT;
    }
    ftun_connection_end(c, c->state == FTUN_ESTABLISHED ? FTUN_CLOSED_RESET : FTUN_STILL_OPEN,
                        step);
    return FTUN_TAKEN;
}

/* RFC 5961 5.2: snd_una - FTUN_ACK_WINDOW <= ack <= what was ever sent. */
static enum ftun_refusal take_ack(struct ftun_connection *c, uint64_t now_ns,
                                  const struct ftun_tcp_header *tcp, struct ftun_step *step)
{
    const uint32_t lowest = c->snd_una - FTUN_ACK_WINDOW;
    if (tcp->acknowledgment - lowest > c->snd_max - lowest) {
        ftun_connection_send_challenge(c, now_ns, step);
        return FTUN_REFUSED_ACK_UNACCEPTABLE;
    }
    if (ftun_seq_after(tcp->acknowledgment, c->snd_una)) {
        c->snd_una = tcp->acknowledgment;
        c->snd_nxt = ftun_seq_max(c->snd_nxt, c->snd_una);
        c->progress_at = now_ns;
    }
    const uint32_t edge = tcp->acknowledgment + ((uint32_t)tcp->window << c->peer_window_scale);
    c->snd_edge = ftun_seq_max(c->snd_edge, edge);
    return FTUN_TAKEN;
}

static void schedule_ack(struct ftun_connection *c, uint64_t now_ns, size_t segments)
{
    c->unacknowledged += (uint32_t)segments;
    if (c->quick_acks > 0) {
        c->quick_acks--;
        c->ack_due = true;
    } else if (c->unacknowledged >= 2) { /* RFC 9293 3.8.6.3: at least every second segment */
        c->ack_due = true;
    } else if (c->ack_at == FTUN_NEVER) {
        c->ack_at = now_ns + FTUN_DELAYED_ACK;
    }
}

static enum ftun_refusal take_payload(struct ftun_connection *c, uint64_t now_ns,
                                      const struct ftun_tcp_header *tcp, size_t payload_len,
                                      size_t segments, struct ftun_step *step)
{
    if (payload_len == 0) {
        if (tcp->sequence == c->rcv_nxt - 1) /* a keep-alive probe (RFC 9293 3.8.4), it seems: */
            ftun_connection_send_challenge(c, now_ns,
                                           step); /* two ends must not answer each other for ever */
        return FTUN_TAKEN;
    }
    const uint32_t end = ftun_seq_max(c->rcv_nxt, tcp->sequence + (uint32_t)payload_len);
    ftun_receive_window_moved(&c->window, now_ns, end - c->rcv_nxt);
    c->rcv_nxt = end;
    c->data_at = now_ns;
    schedule_ack(c, now_ns, segments);
    if (c->state != FTUN_ESTABLISHED)
        return FTUN_REFUSED_DATA_AFTER_CLOSE;
    step->deliver = true;
    return FTUN_TAKEN;
}

/* What the acknowledgment of our FIN changes. */
static void fin_acknowledged(struct ftun_connection *c, uint64_t now_ns)
{
    if (!ftun_connection_has_sent_fin(c) || c->snd_una != c->snd_nxt)
        return;
    /* from LAST_ACK too: late duplicates, which carry what completes a handshake, must find it */
    const bool half_closed = c->state == FTUN_FIN_WAIT_1;
    ftun_connection_wait_before_forgetting(c, half_closed ? FTUN_FIN_WAIT_2 : FTUN_TIME_WAIT,
                                           now_ns);
}

static void take_fin(struct ftun_connection *c, uint64_t now_ns, uint32_t sequence,
                     struct ftun_step *step)
{
    c->rcv_nxt = ftun_seq_max(c->rcv_nxt, sequence + 1);
    switch ((enum ftun_state)c->state) {
    case FTUN_ESTABLISHED:
        ftun_connection_start_fin(c, FTUN_LAST_ACK, now_ns, step);
        step->closed = FTUN_CLOSED_BY_PEER;
        break;
    case FTUN_FIN_WAIT_1:
        ftun_connection_enter(c, FTUN_CLOSING);
        ftun_connection_send_ack(c, step);
        break;
    case FTUN_FIN_WAIT_2:
        ftun_connection_wait_before_forgetting(c, FTUN_TIME_WAIT, now_ns);
        ftun_connection_send_ack(c, step);
        break;
    case FTUN_CLOSING:
    case FTUN_TIME_WAIT:
        ftun_connection_send_ack(c, step);
        break;
    case FTUN_LAST_ACK: /* ours may have been lost: it carries the acknowledgment. The timer runs
                         * on, or a peer that repeats its own for ever would hold the connection */
        ftun_connection_repeat_fin(c, step);
        break;
    case FTUN_CLOSED:
    case FTUN_SYN_SENT:
        break;
    }
}

/* RFC 9293 3.10.7.4, in its order */
static enum ftun_refusal in_connection(struct ftun_connection *c, uint64_t now_ns,
                                       const struct ftun_tcp_header *tcp, size_t payload_len,
                                       size_t segments, struct ftun_step *step)
{
    enum ftun_refusal refusal = check_sequence(c, now_ns, tcp, step);
    if (refusal != FTUN_TAKEN)
        return refusal;
    if ((tcp->flags & FTUN_RST) != 0)
        return take_rst(c, now_ns, tcp, step);
    if ((tcp->flags & FTUN_SYN) != 0) { /* RFC 5961 4.2 */
        ftun_connection_send_challenge(c, now_ns, step);
        return FTUN_REFUSED_SYN_IN_CONNECTION;
    }
    if ((tcp->flags & FTUN_ACK) == 0)
        return FTUN_REFUSED_ACK_MISSING;
    refusal = check_timestamps(c, now_ns, tcp, step);
    if (refusal != FTUN_TAKEN)
        return refusal;
    refusal = take_ack(c, now_ns, tcp, step);
    if (refusal != FTUN_TAKEN)
        return refusal;
    c->heard_at = now_ns;
    fin_acknowledged(c, now_ns);
    refusal = take_payload(c, now_ns, tcp, payload_len, segments, step);
    if ((tcp->flags & FTUN_FIN) != 0)
        take_fin(c, now_ns, tcp->sequence + (uint32_t)payload_len, step);
    return refusal;
}

enum ftun_refusal ftun_connection_segment(struct ftun_connection *c, uint64_t now_ns,
                                          const struct ftun_tcp_header *tcp, size_t payload_len,
                                          size_t segments, struct ftun_step *step)
{
    *step = (struct ftun_step){0};
    const enum ftun_refusal refusal =
        c->state == FTUN_SYN_SENT ? in_syn_sent(c, now_ns, tcp, step)
                                  : in_connection(c, now_ns, tcp, payload_len, segments, step);
    ftun_connection_stamp(c, now_ns, step);
    return refusal;
}
