/* Segments that arrive: RFC 9293 3.10.7, with what connection.c says of the differences.
 *
 * What a blind attacker can do. He knows addresses and ports, and has to guess two numbers. What a
 * true segment can be is less than what a window allows, and nothing else is taken:
 *
 *  - Neither number of a sender ever goes back, but for the sequence number of one that has given
 * up a flight. So what is ahead of all that has come acknowledges at least as much as all that has
 *    come: its ACK is one of the bytes in flight, often none, not one of a window.
 *  - A late segment acknowledges no less than what was acknowledged a second ago. It is delivered
 *    and moves nothing.
 *  - A FIN comes next, or after a lost burst. Any other is answered by an ACK; a true one comes
 *    again, and by then is next.
 *
 * All of that may be guessed in the end, and rcv_nxt jump to where the peer is not: its segments
 * would lie behind the window from then on. But a peer that is still where it was before the jump
 * is believed, and rcv_nxt goes back to it. When the jump was true, and a straggler from before it
 * has the connection go back, the next segment is one jump ahead again, and nothing is lost.
 *
 * Phantun's peers acknowledge what has come last, not what is furthest: of theirs, only the window
 * can be asked. */
#include "connection_state.h"
#include "mss.h"
#include "sequence.h"

static void learn_from_syn_ack(struct ftun_connection *c, const struct ftun_tcp_header *tcp)
{
    struct ftun_tcp_options options;
    ftun_tcp_options_parse(tcp->options, tcp->options_len, &options);
    ftun_connection_open_window(
        c, options.has_window_scale); /* before the MSS is known not to be this end's */
    if (c->profile->timestamps)
        ftun_connection_agree_on_timestamps(c, &options);
    c->peer_named_mss = options.has_mss;
    if (options.has_mss && options.mss > 0)
        ftun_connection_limit_mss(c, ftun_mss_of_index(ftun_mss_index(options.mss)));
    c->peer_window_scale = options.has_window_scale ? options.window_scale : 0;
    c->rcv_nxt = tcp->sequence + 1;
    c->rcv_left = c->rcv_nxt;
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
    learn_from_syn_ack(c, tcp);
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

/* What this segment acknowledges is in flight, or was the last to be acknowledged. */
static bool acknowledges_flight(const struct ftun_connection *c, const struct ftun_tcp_header *tcp)
{
    return tcp->acknowledgment - c->snd_una <= c->snd_max - c->snd_una;
}

/* In [from - FTUN_LATE_WINDOW, from + ahead) */
static bool in_reach(uint32_t sequence, uint32_t from, uint32_t ahead)
{
    return sequence - (from - FTUN_LATE_WINDOW) < FTUN_LATE_WINDOW + ahead;
}

/* The last jump has put this segment behind the window. */
static bool is_where_the_jump_began(const struct ftun_connection *c,
                                    const struct ftun_tcp_header *tcp)
{
    const uint32_t jump = c->rcv_nxt - c->rcv_left;
    return jump > FTUN_LATE_WINDOW && jump <= FTUN_WINDOW_MAX + FTUN_IP_PACKET_MAX &&
           in_reach(tcp->sequence, c->rcv_left, FTUN_LATE_WINDOW) &&
           (tcp->flags & (FTUN_SYN | FTUN_RST | FTUN_ACK)) == FTUN_ACK &&
           acknowledges_flight(c, tcp);
}

/* RFC 9293 3.10.7.4, first: what is outside the window is answered by an ACK, unless it is RST. */
static enum ftun_refusal check_sequence(struct ftun_connection *c, uint64_t now_ns,
                                        const struct ftun_tcp_header *tcp, struct ftun_step *step)
{
    if (in_reach(tcp->sequence, c->rcv_nxt, window(c)))
        return FTUN_TAKEN;
    if (is_where_the_jump_began(c, tcp)) {
        c->rcv_nxt = tcp->sequence;
        return FTUN_TAKEN;
    }
    if ((tcp->flags & FTUN_RST) == 0)
        ftun_connection_send_challenge(c, now_ns, step);
    return FTUN_REFUSED_SEQUENCE_OUTSIDE_WINDOW;
}

/* RFC 7323 5.2: what is older than the last echo is refused (PAWS). A kernel's TCP has no use for a
 * segment that is overtaken; here it is a datagram like any other, so only one that is later than
 * any network makes it is refused. And RFC 7323 3.2: where timestamps were agreed on, each segment
 * has them. */
static enum ftun_refusal check_timestamps(struct ftun_connection *c, uint64_t now_ns,
                                          const struct ftun_tcp_options *options,
                                          struct ftun_step *step)
{
    if (!options->has_timestamps)
        return FTUN_REFUSED_TIMESTAMP_UNACCEPTABLE;
    if (!ftun_seq_before(options->timestamp_value, c->timestamp_recent - FTUN_TIMESTAMP_LATE))
        return FTUN_TAKEN;
    ftun_connection_send_challenge(c, now_ns, step);
    return FTUN_REFUSED_TIMESTAMP_UNACCEPTABLE;
}

/* RFC 7323 4.3 */
static void note_timestamp(struct ftun_connection *c, uint32_t sequence, uint32_t value)
{
    if (!ftun_seq_after(sequence, c->acknowledged) && !ftun_seq_before(value, c->timestamp_recent))
        c->timestamp_recent = value;
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

/* Every FTUN_ACK_MEMORY, and so never before. */
static void remember_ack(struct ftun_connection *c, uint64_t now_ns)
{
    const uint64_t age = now_ns - c->una_marked_at;
    if (age < FTUN_ACK_MEMORY)
        return;
    c->una_oldest = age < 2 * FTUN_ACK_MEMORY ? c->una_recent : c->snd_una;
    c->una_recent = c->snd_una;
    c->una_marked_at = now_ns;
}

/* RFC 5961 5.2, narrowed: see above. */
static bool ack_is_acceptable(const struct ftun_connection *c, const struct ftun_tcp_header *tcp,
                              size_t payload_len)
{
    if (acknowledges_flight(c, tcp))
        return true;
    const uint32_t lag = c->snd_una - tcp->acknowledgment;
    if (lag > FTUN_ACK_WINDOW)
        return false;
    const bool ahead = ftun_seq_after(tcp->sequence + (uint32_t)payload_len, c->rcv_nxt);
    return !c->profile->acknowledges_often || (lag <= c->snd_una - c->una_oldest && !ahead);
}

static enum ftun_refusal take_ack(struct ftun_connection *c, uint64_t now_ns,
                                  const struct ftun_tcp_header *tcp, size_t payload_len,
                                  struct ftun_step *step)
{
    remember_ack(c, now_ns);
    if (!ack_is_acceptable(c, tcp, payload_len)) {
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

/* The peer has sent all up to `end`, whatever has come of it. */
static void follow(struct ftun_connection *c, uint32_t sequence, uint32_t end)
{
    const uint32_t before = c->rcv_nxt;
    if (ftun_seq_after(sequence, before + FTUN_LATE_WINDOW))
        c->rcv_left = before;
    c->rcv_nxt = ftun_seq_max(before, end);
    ftun_receive_window_moved(&c->window, c->rcv_nxt - before);
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

/* What begins before what was acknowledged is a keepalive probe (RFC 9293 3.8.4), it seems. */
static bool is_probe(const struct ftun_connection *c, const struct ftun_tcp_header *tcp)
{
    const bool acknowledged = c->unacknowledged == 0; /* else an ACK is due anyway */
    return acknowledged && ftun_seq_before(tcp->sequence, c->rcv_nxt);
}

/* Our FIN was lost, and an acknowledgment that followed it has taken the peer past it: it would go
 * on for ever. Linux resets, too, when data come after a close. */
static bool overlooks_fin(const struct ftun_connection *c, const struct ftun_tcp_header *tcp)
{
    return c->state == FTUN_FIN_WAIT_2 && tcp->acknowledgment == c->snd_nxt;
}

static enum ftun_refusal take_payload(struct ftun_connection *c, uint64_t now_ns,
                                      const struct ftun_tcp_header *tcp, size_t payload_len,
                                      size_t segments, struct ftun_step *step)
{
    const bool probes = is_probe(c, tcp);
    const bool tells_of_loss = payload_len == 0 && ftun_seq_after(tcp->sequence, c->rcv_nxt);
    follow(c, tcp->sequence, tcp->sequence + (uint32_t)payload_len);
    if (payload_len == 0) {
        if (probes) /* within the limit: two ends must not answer each other for ever */
            ftun_connection_send_challenge(c, now_ns, step);
        c->ack_due = c->ack_due || tells_of_loss; /* RFC 5681 4.2: at once */
        return FTUN_TAKEN;
    }
    c->conversed = true;
    c->data_at = now_ns;
    schedule_ack(c, now_ns, segments);
    if (overlooks_fin(c, tcp)) {
        ftun_connection_send_rst(c, c->snd_nxt, step);
        ftun_connection_forget(c, step);
    }
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

/* In closing states there is nothing left to protect. */
static bool fin_comes_next(const struct ftun_connection *c, const struct ftun_tcp_header *tcp,
                           size_t payload_len)
{
    const uint32_t behind_all = c->rcv_nxt - 1; /* where an ACK that followed it has overtaken it */
    return c->state != FTUN_ESTABLISHED ||
           (acknowledges_flight(c, tcp) &&
            tcp->sequence + (uint32_t)payload_len - behind_all <= 1 + FTUN_FIN_GAP);
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

/* A timestamp is believed when the acknowledgment is: who guesses the sequence number alone could
 * otherwise set the clock that the peer's segments are measured by. */
static enum ftun_refusal take_ack_and_timestamps(struct ftun_connection *c, uint64_t now_ns,
                                                 const struct ftun_tcp_header *tcp,
                                                 size_t payload_len, struct ftun_step *step)
{
    if (!c->timestamps)
        return take_ack(c, now_ns, tcp, payload_len, step);
    struct ftun_tcp_options options;
    ftun_tcp_options_parse(tcp->options, tcp->options_len, &options);
    enum ftun_refusal refusal = check_timestamps(c, now_ns, &options, step);
    if (refusal == FTUN_TAKEN)
        refusal = take_ack(c, now_ns, tcp, payload_len, step);
    if (refusal == FTUN_TAKEN)
        note_timestamp(c, tcp->sequence, options.timestamp_value);
    return refusal;
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
    refusal = take_ack_and_timestamps(c, now_ns, tcp, payload_len, step);
    if (refusal != FTUN_TAKEN)
        return refusal;
    const bool fin_believed = fin_comes_next(c, tcp, payload_len);
    ftun_liveness_heard(&c->liveness, now_ns);
    fin_acknowledged(c, now_ns);
    refusal = take_payload(c, now_ns, tcp, payload_len, segments, step);
    if ((tcp->flags & FTUN_FIN) == 0)
        return refusal;
    if (!fin_believed) {
        ftun_connection_send_challenge(c, now_ns, step);
        return FTUN_REFUSED_FIN_INEXACT;
    }
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
