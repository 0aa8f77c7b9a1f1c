/* Theory of operation
 *
 * To a middlebox this is TCP: sequence numbers count payload bytes, acknowledgments follow what was
 * received, windows are kept. To the application it is UDP: a segment is a datagram, and one that
 * is lost stays lost. The two meet in three places where this differs from a kernel's TCP:
 *
 *  - rcv_nxt moves to the end of the *furthest* segment received, over gaps: nothing will fill
 *    them. A middlebox sees an ACK for data that it passed on itself.
 *  - A segment that comes late is delivered all the same, if it lags by at most FTUN_LATE_WINDOW;
 *    nothing tells a late segment from a repeated one, and UDP may deliver either.
 *  - When the peer's window is full, datagrams are refused instead of queued. If then nothing is
 *    acknowledged for a retransmission timeout, all that was in flight is lost, and nobody will
 *    send it again: snd_nxt goes back to snd_una, and new datagrams get the old sequence numbers.
 *    A middlebox sees a retransmission. snd_max keeps later acknowledgments acceptable.
 *
 * Liveness counts received segments only (heard_at): what this end sends proves nothing.
 *
 * Acknowledgments follow Linux: a lone segment is acknowledged after 40 ms, two or more at the end
 * of the turn in which they came, the first few after the handshake at the end of the turn too.
 * Data that goes out meanwhile carries the acknowledgment, and the separate one is saved. */
#include "connection.h"

#include "mss.h"
#include "sequence.h"

const char *ftun_close_reason_text(enum ftun_close_reason reason)
{
    switch (reason) {
    case FTUN_STILL_OPEN:
        return "still open";
    case FTUN_CLOSED_LOCALLY:
        return "closed by this end";
    case FTUN_CLOSED_IDLE:
        return "nothing received for the idle timeout";
    case FTUN_CLOSED_BY_PEER:
        return "closed by the peer";
    case FTUN_CLOSED_RESET:
        return "reset by the peer";
    case FTUN_CLOSED_REFUSED:
        return "refused by the peer: nothing listens there";
    case FTUN_CLOSED_TIMEOUT:
        return "no answer to the handshake";
    }
    return "unknown";
}

static bool has_sent_fin(const struct ftun_connection *c)
{
    return c->state == FTUN_FIN_WAIT_1 || c->state == FTUN_CLOSING || c->state == FTUN_LAST_ACK;
}

bool ftun_connection_valid(const struct ftun_connection *c)
{
    if (c->state == FTUN_CLOSED)
        return true;
    const bool sent_in_order =
        !ftun_seq_after(c->snd_una, c->snd_nxt) && !ftun_seq_after(c->snd_nxt, c->snd_max);
    const bool timer_runs = c->state == FTUN_ESTABLISHED || c->retransmit_at != FTUN_NEVER;
    return c->profile != NULL && c->mss > 0 && sent_in_order && timer_runs &&
           c->peer_window_scale <= FTUN_WINDOW_SCALE_MAX;
}

/* --- what is sent ------------------------------------------------------------------------- */

static uint16_t take_ip_ids(struct ftun_connection *c, size_t count)
{
    const uint16_t first = c->ip_id;
    if (c->profile->random_ip_id)
        c->ip_id = (uint16_t)(c->ip_id + count);
    return first;
}

static struct ftun_tcp_header header(const struct ftun_connection *c, uint8_t flags,
                                     uint32_t sequence)
{
    return (struct ftun_tcp_header){
        .sequence = sequence,
        .acknowledgment = c->rcv_nxt,
        .window = c->profile->window,
        .flags = flags,
    };
}

static void acknowledgment_sent(struct ftun_connection *c)
{
    c->unacknowledged = 0;
    c->ack_due = false;
    c->ack_at = FTUN_NEVER;
}

static void send_control(struct ftun_connection *c, uint8_t flags, uint32_t sequence,
                         struct ftun_step *step)
{
    step->has_segment = true;
    step->ip_id = take_ip_ids(c, 1);
    step->segment = header(c, flags, sequence);
    acknowledgment_sent(c);
}

static void send_ack(struct ftun_connection *c, struct ftun_step *step)
{
    send_control(c, FTUN_ACK, c->snd_nxt, step);
}

/* RFC 5961 7: a limit for each connection, so that no stranger's packets use up another's. */
static bool may_challenge(struct ftun_connection *c, uint64_t now_ns)
{
    if (now_ns < c->challenge_after)
        return false;
    c->challenge_after = now_ns + FTUN_CHALLENGE_INTERVAL;
    return true;
}

static void send_challenge(struct ftun_connection *c, uint64_t now_ns, struct ftun_step *step)
{
    if (may_challenge(c, now_ns))
        send_ack(c, step);
}

static void send_syn(struct ftun_connection *c, uint64_t now_ns, struct ftun_step *step)
{
    step->has_segment = true;
    step->ip_id = take_ip_ids(c, 1);
    step->segment = (struct ftun_tcp_header){
        .sequence = c->snd_una,
        .window = c->profile->syn_window,
        .flags = FTUN_SYN,
    };
    step->segment.options_len =
        (uint8_t)ftun_profile_syn_options(c->profile, c->mss, NULL, step->segment.options);
    c->retransmit_at = now_ns + FTUN_RETRANSMIT_TIMEOUT;
}

/* The FIN has the last sequence number sent. */
static void repeat_fin(struct ftun_connection *c, struct ftun_step *step)
{
    send_control(c, FTUN_FIN | FTUN_ACK, c->snd_nxt - 1, step);
}

static void send_fin(struct ftun_connection *c, uint64_t now_ns, struct ftun_step *step)
{
    repeat_fin(c, step);
    c->retransmit_at = now_ns + FTUN_RETRANSMIT_TIMEOUT;
}

static void send_rst(struct ftun_connection *c, uint32_t sequence, struct ftun_step *step)
{
    step->has_segment = true;
    step->ip_id = take_ip_ids(c, 1);
    step->segment = header(c, FTUN_RST, sequence);
    step->segment.acknowledgment = 0;
    step->segment.window = 0;
}

/* --- state changes ------------------------------------------------------------------------ */

static void enter(struct ftun_connection *c, enum ftun_state state)
{
    c->state = (uint8_t)state;
    c->retries = 0;
}

static void forget(struct ftun_connection *c, struct ftun_step *step)
{
    enter(c, FTUN_CLOSED);
    step->gone = true;
}

static void end(struct ftun_connection *c, enum ftun_close_reason reason, struct ftun_step *step)
{
    forget(c, step);
    step->closed = reason;
}

static void establish(struct ftun_connection *c, uint64_t now_ns)
{
    enter(c, FTUN_ESTABLISHED);
    c->heard_at = now_ns;
    c->progress_at = now_ns;
    c->retransmit_at = FTUN_NEVER;
    c->ack_at = FTUN_NEVER;
    c->quick_acks = FTUN_QUICK_ACKS;
}

static void wait_before_forgetting(struct ftun_connection *c, enum ftun_state state,
                                   uint64_t now_ns)
{
    enter(c, state);
    c->retransmit_at = now_ns + FTUN_TIME_WAIT_DURATION;
}

static void start_fin(struct ftun_connection *c, enum ftun_state state, uint64_t now_ns,
                      struct ftun_step *step)
{
    enter(c, state);
    c->snd_nxt = ++c->snd_max;
    send_fin(c, now_ns, step);
}

void ftun_connection_connect(struct ftun_connection *c, uint64_t now_ns,
                             const struct ftun_profile *profile, uint32_t isn, uint16_t mss,
                             uint16_t ip_id, struct ftun_step *step)
{
    const uint32_t first = profile->random_isn ? isn : 0;
    *c = (struct ftun_connection){
        .profile = profile,
        .heard_at = now_ns,
        .ack_at = FTUN_NEVER,
        .snd_una = first,
        .snd_nxt = first + 1,
        .snd_max = first + 1,
        .mss = mss,
        .ip_id = profile->random_ip_id ? ip_id : 0,
        .state = FTUN_SYN_SENT,
    };
    *step = (struct ftun_step){0};
    send_syn(c, now_ns, step);
}

void ftun_connection_accept(struct ftun_connection *c, uint64_t now_ns,
                            const struct ftun_profile *profile, const struct ftun_tcp_header *ack,
                            uint16_t mss, uint8_t peer_window_scale, uint16_t ip_id)
{
    *c = (struct ftun_connection){
        .profile = profile,
        .snd_una = ack->acknowledgment,
        .snd_nxt = ack->acknowledgment,
        .snd_max = ack->acknowledgment,
        .snd_edge = ack->acknowledgment,
        .rcv_nxt = ack->sequence,
        .mss = mss,
        .ip_id = profile->random_ip_id ? ip_id : 0,
        .peer_window_scale = peer_window_scale,
    };
    establish(c, now_ns);
}

void ftun_connection_close(struct ftun_connection *c, uint64_t now_ns,
                           enum ftun_close_reason reason, struct ftun_step *step)
{
    *step = (struct ftun_step){0};
    if (c->state == FTUN_SYN_SENT) {
        end(c, reason, step);
    } else if (c->state == FTUN_ESTABLISHED && c->profile->close_by_reset) {
        send_rst(c, c->snd_nxt, step);
        end(c, reason, step);
    } else if (c->state == FTUN_ESTABLISHED) {
        start_fin(c, FTUN_FIN_WAIT_1, now_ns, step);
        step->closed = reason;
    }
}

/* --- segments that arrive ----------------------------------------------------------------- */

static void learn_from_syn_ack(struct ftun_connection *c, const struct ftun_tcp_header *tcp)
{
    struct ftun_tcp_options options;
    ftun_tcp_options_parse(tcp->options, tcp->options_len, &options);
    c->peer_named_mss = options.has_mss;
    const uint16_t theirs = ftun_mss_of_index(ftun_mss_index(options.mss));
    if (options.has_mss && options.mss > 0 && theirs < c->mss)
        c->mss = theirs;
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
        end(c, FTUN_CLOSED_REFUSED, step);
        return FTUN_TAKEN;
    }
    if (!acceptable && (tcp->flags & FTUN_ACK) != 0) {
        if (may_challenge(c, now_ns))
            send_rst(c, tcp->acknowledgment, step);
        return FTUN_REFUSED_ACK_UNACCEPTABLE;
    }
    if (!acceptable)
        return FTUN_REFUSED_UNSUPPORTED_SIMULTANEOUS_OPEN;
    if ((tcp->flags & FTUN_SYN) == 0)
        return FTUN_REFUSED_SEQUENCE_OUTSIDE_WINDOW;
    learn_from_syn_ack(c, tcp);
    establish(c, now_ns);
    send_ack(c, step);
    step->established = true;
    return FTUN_TAKEN;
}

static bool in_window(const struct ftun_connection *c, uint32_t sequence)
{
    return sequence - (c->rcv_nxt - FTUN_LATE_WINDOW) < FTUN_LATE_WINDOW + FTUN_WINDOW;
}

/* RFC 9293 3.10.7.4, first: what is outside the window is answered by an ACK, unless it is RST. */
static enum ftun_refusal check_sequence(struct ftun_connection *c, uint64_t now_ns,
                                        const struct ftun_tcp_header *tcp, struct ftun_step *step)
{
    if (in_window(c, tcp->sequence))
        return FTUN_TAKEN;
    if ((tcp->flags & FTUN_RST) == 0)
        send_challenge(c, now_ns, step);
    return FTUN_REFUSED_SEQUENCE_OUTSIDE_WINDOW;
}

/* RFC 5961 3.2: only the exact next sequence number resets. */
static enum ftun_refusal take_rst(struct ftun_connection *c, uint64_t now_ns,
                                  const struct ftun_tcp_header *tcp, struct ftun_step *step)
{
    if (tcp->sequence != c->rcv_nxt) {
        send_challenge(c, now_ns, step);
        return FTUN_REFUSED_RST_INEXACT;
    }
    end(c, c->state == FTUN_ESTABLISHED ? FTUN_CLOSED_RESET : FTUN_STILL_OPEN, step);
    return FTUN_TAKEN;
}

/* RFC 5961 5.2: snd_una - FTUN_ACK_WINDOW <= ack <= what was ever sent. */
static enum ftun_refusal take_ack(struct ftun_connection *c, uint64_t now_ns,
                                  const struct ftun_tcp_header *tcp, struct ftun_step *step)
{
    const uint32_t lowest = c->snd_una - FTUN_ACK_WINDOW;
    if (tcp->acknowledgment - lowest > c->snd_max - lowest) {
        send_challenge(c, now_ns, step);
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
            send_challenge(c, now_ns, step); /* two ends must not answer each other for ever */
        return FTUN_TAKEN;
    }
    c->rcv_nxt = ftun_seq_max(c->rcv_nxt, tcp->sequence + (uint32_t)payload_len);
    schedule_ack(c, now_ns, segments);
    if (c->state != FTUN_ESTABLISHED)
        return FTUN_REFUSED_DATA_AFTER_CLOSE;
    step->deliver = true;
    return FTUN_TAKEN;
}

/* What the acknowledgment of our FIN changes. */
static void fin_acknowledged(struct ftun_connection *c, uint64_t now_ns)
{
    if (!has_sent_fin(c) || c->snd_una != c->snd_nxt)
        return;
    /* from LAST_ACK too: late duplicates, which carry what completes a handshake, must find it */
    const bool half_closed = c->state == FTUN_FIN_WAIT_1;
    wait_before_forgetting(c, half_closed ? FTUN_FIN_WAIT_2 : FTUN_TIME_WAIT, now_ns);
}

static void take_fin(struct ftun_connection *c, uint64_t now_ns, uint32_t sequence,
                     struct ftun_step *step)
{
    c->rcv_nxt = ftun_seq_max(c->rcv_nxt, sequence + 1);
    switch ((enum ftun_state)c->state) {
    case FTUN_ESTABLISHED:
        start_fin(c, FTUN_LAST_ACK, now_ns, step);
        step->closed = FTUN_CLOSED_BY_PEER;
        break;
    case FTUN_FIN_WAIT_1:
        enter(c, FTUN_CLOSING);
        send_ack(c, step);
        break;
    case FTUN_FIN_WAIT_2:
        wait_before_forgetting(c, FTUN_TIME_WAIT, now_ns);
        send_ack(c, step);
        break;
    case FTUN_CLOSING:
    case FTUN_TIME_WAIT:
        send_ack(c, step);
        break;
    case FTUN_LAST_ACK: /* ours may have been lost: it carries the acknowledgment. The timer runs
                         * on, or a peer that repeats its own for ever would hold the connection */
        repeat_fin(c, step);
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
        send_challenge(c, now_ns, step);
        return FTUN_REFUSED_SYN_IN_CONNECTION;
    }
    if ((tcp->flags & FTUN_ACK) == 0)
        return FTUN_REFUSED_ACK_MISSING;
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
    if (c->state == FTUN_SYN_SENT)
        return in_syn_sent(c, now_ns, tcp, step);
    return in_connection(c, now_ns, tcp, payload_len, segments, step);
}

/* --- data that leaves --------------------------------------------------------------------- */

static size_t room(const struct ftun_connection *c)
{
    return ftun_seq_before(c->snd_nxt, c->snd_edge) ? c->snd_edge - c->snd_nxt : 0;
}

static void give_up_flight_if_lost(struct ftun_connection *c, uint64_t now_ns, size_t stride)
{
    if (room(c) >= stride || now_ns < c->progress_at + FTUN_RETRANSMIT_TIMEOUT)
        return;
    c->snd_nxt = c->snd_una;
    c->progress_at = now_ns;
}

size_t ftun_connection_sendable(struct ftun_connection *c, uint64_t now_ns, size_t len,
                                size_t stride)
{
    if (c->state != FTUN_ESTABLISHED)
        return 0;
    if (!c->profile->respects_window)
        return len;
    if (c->snd_una == c->snd_nxt)
        c->progress_at = now_ns;
    give_up_flight_if_lost(c, now_ns, stride);
    return len <= room(c) ? len : room(c) / stride * stride;
}

/* Sequence numbers can be compared within 2^31 only, and where no window ends the flight, a peer
 * may never acknowledge: what is older than that counts as arrived. */
static void bound_flight(struct ftun_connection *c)
{
    if (!c->profile->respects_window && c->snd_max - c->snd_una > FTUN_FLIGHT_MAX)
        c->snd_una = c->snd_max - FTUN_FLIGHT_MAX;
}

void ftun_connection_data(struct ftun_connection *c, size_t len, size_t segments,
                          struct ftun_tcp_header *out, uint16_t *ip_id)
{
    const uint8_t flags = c->profile->push_bursts ? FTUN_ACK | FTUN_PSH : FTUN_ACK;
    *out = header(c, flags, c->snd_nxt);
    *ip_id = take_ip_ids(c, segments);
    c->snd_nxt += (uint32_t)len;
    c->snd_max = ftun_seq_max(c->snd_max, c->snd_nxt);
    bound_flight(c);
    c->quick_acks = 0; /* from now on acknowledgments ride on data: Linux's ping-pong mode */
    acknowledgment_sent(c);
}

bool ftun_connection_has_sent(const struct ftun_connection *c, uint32_t sequence)
{
    const uint32_t oldest = c->snd_una - FTUN_LATE_WINDOW;
    return sequence - oldest <= c->snd_max - oldest;
}

void ftun_connection_end_turn(struct ftun_connection *c, struct ftun_step *step)
{
    *step = (struct ftun_step){0};
    if (c->ack_due && c->state != FTUN_CLOSED)
        send_ack(c, step);
}

/* --- time --------------------------------------------------------------------------------- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t idle_at(const struct ftun_connection *c, uint64_t idle_timeout_ns)
{
    if (c->state != FTUN_ESTABLISHED || idle_timeout_ns > FTUN_NEVER - c->heard_at)
        return FTUN_NEVER;
    return c->heard_at + idle_timeout_ns;
}

uint64_t ftun_connection_deadline(const struct ftun_connection *c, uint64_t idle_timeout_ns)
{
    if (c->state == FTUN_CLOSED)
        return FTUN_NEVER;
    return earlier(earlier(c->retransmit_at, c->ack_at), idle_at(c, idle_timeout_ns));
}

static void retransmit(struct ftun_connection *c, uint64_t now_ns, struct ftun_step *step)
{
    if (c->state == FTUN_SYN_SENT) {
        if (c->retries++ == FTUN_SYN_RETRIES)
            end(c, FTUN_CLOSED_TIMEOUT, step);
        else
            send_syn(c, now_ns, step);
    } else if (has_sent_fin(c) && c->retries++ < FTUN_FIN_RETRIES) {
        send_fin(c, now_ns, step);
    } else {
        forget(c, step);
    }
}

void ftun_connection_timeout(struct ftun_connection *c, uint64_t now_ns, uint64_t idle_timeout_ns,
                             struct ftun_step *step)
{
    *step = (struct ftun_step){0};
    if (c->state == FTUN_CLOSED)
        return;
    if (c->retransmit_at <= now_ns)
        retransmit(c, now_ns, step);
    else if (idle_at(c, idle_timeout_ns) <= now_ns)
        ftun_connection_close(c, now_ns, FTUN_CLOSED_IDLE, step);
    else if (c->ack_at <= now_ns)
        send_ack(c, step);
}
