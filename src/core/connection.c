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
 *    A middlebox sees a retransmission. snd_max keeps later acknowledgments acceptable. Phantun
 *    acknowledges too rarely for waiting to teach anything: there it goes back at once.
 *
 * Liveness counts received segments only (liveness.h): what this end sends proves nothing. A peer
 * that does not acknowledge, nor answer probes, owes an answer to data only once it has sent some
 * of its own, and if the application insists: nobody answers its keepalives.
 *
 * Acknowledgments follow Linux: a lone segment is acknowledged after 40 ms, two or more at the end
 * of the turn in which they came, the first few after the handshake at the end of the turn too.
 * Data that goes out meanwhile carries the acknowledgment, and the separate one is saved. */
#include "connection_state.h"
#include "instant.h"
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
    case FTUN_CLOSED_YIELDED:
        return "idle for longer than any other when a new one needed its place";
    case FTUN_CLOSED_BY_PEER:
        return "closed by the peer";
    case FTUN_CLOSED_RESET:
        return "reset by the peer";
    case FTUN_CLOSED_REFUSED:
        return "refused by the peer: nothing listens there";
    case FTUN_CLOSED_TIMEOUT:
        return "no answer to the handshake";
    case FTUN_CLOSED_DEAD:
        return "no answer any more: the path or the peer is dead";
    }
    return "unknown";
}

bool ftun_connection_has_sent_fin(const struct ftun_connection *c)
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
           c->peer_window_scale <= FTUN_WINDOW_SCALE_MAX && c->retries <= FTUN_SYN_RETRIES &&
           c->liveness.probes <= FTUN_PROBES_MAX && ftun_receive_window_valid(&c->window);
}

/* --- state changes ------------------------------------------------------------------------ */

void ftun_connection_enter(struct ftun_connection *c, enum ftun_state state)
{
    c->state = (uint8_t)state;
    c->retries = 0;
}

void ftun_connection_forget(struct ftun_connection *c, struct ftun_step *step)
{
    ftun_connection_enter(c, FTUN_CLOSED);
    step->gone = true;
}

void ftun_connection_end(struct ftun_connection *c, enum ftun_close_reason reason,
                         struct ftun_step *step)
{
    ftun_connection_forget(c, step);
    step->closed = reason;
}

void ftun_connection_establish(struct ftun_connection *c, uint64_t now_ns)
{
    ftun_connection_enter(c, FTUN_ESTABLISHED);
    ftun_liveness_heard(&c->liveness, now_ns);
    c->progress_at = now_ns;
    c->una_recent = c->una_oldest = c->snd_una;
    c->una_marked_at = now_ns;
    c->retransmit_at = FTUN_NEVER;
    c->ack_at = FTUN_NEVER;
    c->quick_acks = FTUN_QUICK_ACKS;
}

void ftun_connection_wait_before_forgetting(struct ftun_connection *c, enum ftun_state state,
                                            uint64_t now_ns)
{
    ftun_connection_enter(c, state);
    c->retransmit_at = now_ns + FTUN_TIME_WAIT_DURATION;
}

void ftun_connection_start_fin(struct ftun_connection *c, enum ftun_state state, uint64_t now_ns,
                               struct ftun_step *step)
{
    ftun_connection_enter(c, state);
    c->snd_nxt = ++c->snd_max;
    ftun_connection_send_fin(c, now_ns, step);
}

/* What is random in a connection. The parts overlap: none of them is a secret of another's. */
static void sow(struct ftun_connection *c, uint64_t seed)
{
    c->ip_id = c->profile->random_ip_id ? (uint16_t)seed : 0;
    c->flow_label = ftun_connection_flow_label(c->profile, seed);
    c->timestamp_offset = ftun_connection_timestamp(seed, 0);
}

uint32_t ftun_connection_flow_label(const struct ftun_profile *profile, uint64_t seed)
{
    return profile->flow_label ? (uint32_t)(seed >> 44) : 0;
}

uint32_t ftun_connection_timestamp(uint64_t seed, uint64_t now_ns)
{
    return (uint32_t)(seed >> 16) + (uint32_t)(now_ns / FTUN_MILLISECOND);
}

void ftun_connection_connect(struct ftun_connection *c, uint64_t now_ns, uint64_t at_ns,
                             const struct ftun_profile *profile, uint32_t isn, uint16_t mss,
                             uint64_t seed, struct ftun_step *step)
{
    const uint32_t first = profile->random_isn ? isn : 0;
    *c = (struct ftun_connection){
        .profile = profile,
        .retransmit_at = at_ns,
        .ack_at = FTUN_NEVER,
        .snd_una = first,
        .una_oldest = first,
        .snd_nxt = first + 1,
        .snd_max = first + 1,
        .mss = mss,
        .state = FTUN_SYN_SENT,
    };
    sow(c, seed);
    *step = (struct ftun_step){0};
    if (at_ns <= now_ns)
        ftun_connection_send_syn(c, now_ns, step);
}

void ftun_connection_accept(struct ftun_connection *c, uint64_t now_ns,
                            const struct ftun_profile *profile, const struct ftun_tcp_header *ack,
                            uint16_t mss, uint8_t peer_window_scale, uint64_t seed)
{
    struct ftun_tcp_options options;
    ftun_tcp_options_parse(ack->options, ack->options_len, &options);
    *c = (struct ftun_connection){
        .profile = profile,
        .snd_una = ack->acknowledgment,
        .snd_nxt = ack->acknowledgment,
        .snd_max = ack->acknowledgment,
        .snd_edge = ack->acknowledgment,
        .rcv_nxt = ack->sequence,
        .rcv_left = ack->sequence,
        .mss = mss,
        .peer_window_scale = peer_window_scale,
    };
    sow(c, seed);
    if (ftun_profile_knows_timestamps(profile))
        ftun_connection_agree_on_timestamps(c, &options);
    ftun_connection_open_window(c, peer_window_scale > 0);
    ftun_connection_establish(c, now_ns);
}

void ftun_connection_close(struct ftun_connection *c, uint64_t now_ns,
                           enum ftun_close_reason reason, struct ftun_step *step)
{
    *step = (struct ftun_step){0};
    if (c->state == FTUN_SYN_SENT) {
        ftun_connection_end(c, reason, step);
    } else if (c->state == FTUN_ESTABLISHED && c->profile->close_by_reset) {
        ftun_connection_send_rst(c, c->snd_nxt, step);
        ftun_connection_end(c, reason, step);
    } else if (c->state == FTUN_ESTABLISHED) {
        ftun_connection_start_fin(c, FTUN_FIN_WAIT_1, now_ns, step);
        step->closed = reason;
    }
    ftun_connection_stamp(c, now_ns, step);
}

void ftun_connection_abort(struct ftun_connection *c, enum ftun_close_reason reason,
                           struct ftun_step *step)
{
    *step = (struct ftun_step){0};
    if (c->state == FTUN_ESTABLISHED || c->state == FTUN_FIN_WAIT_1 || c->state == FTUN_FIN_WAIT_2)
        ftun_connection_send_rst(c, c->snd_nxt, step);
    ftun_connection_end(c, reason, step);
}

void ftun_connection_linger(struct ftun_connection *c, uint64_t now_ns)
{
    ftun_connection_wait_before_forgetting(c, FTUN_TIME_WAIT, now_ns);
    ftun_connection_acknowledged(c);
}

void ftun_connection_ask(struct ftun_connection *c, uint64_t now_ns)
{
    if (c->state == FTUN_ESTABLISHED && c->profile->acknowledges_often)
        ftun_liveness_ask(&c->liveness, now_ns);
}

void ftun_connection_dial_now(struct ftun_connection *c, uint64_t now_ns)
{
    c->retransmit_at = now_ns;
}

void ftun_connection_give_up_dialing(struct ftun_connection *c)
{
    c->retries = FTUN_SYN_RETRIES;
    c->retransmit_at = 0;
}

void ftun_connection_end_turn(struct ftun_connection *c, uint64_t now_ns, struct ftun_step *step)
{
    *step = (struct ftun_step){0};
    if (c->ack_due && c->state != FTUN_CLOSED)
        ftun_connection_send_ack(c, step);
    ftun_connection_stamp(c, now_ns, step);
}

void ftun_connection_open_window(struct ftun_connection *c, bool scaled)
{
    c->window = ftun_receive_window_open(ftun_profile_first_window(c->profile, c->mss),
                                         scaled ? c->profile->window_scale : 0);
}

void ftun_connection_limit_mss(struct ftun_connection *c, uint16_t mss)
{
    const size_t options_len = ftun_connection_options_len(c);
    const uint16_t payload = mss > options_len ? (uint16_t)(mss - options_len) : 1;
    if (payload < c->mss)
        c->mss = payload;
}

/* --- time --------------------------------------------------------------------------------- */

/* Only a peer that acknowledges is known to answer a probe. */
static uint64_t probe_at(const struct ftun_connection *c, const struct ftun_timeouts *timeouts)
{
    return c->profile->acknowledges_often ? ftun_liveness_probe_at(&c->liveness, timeouts)
                                          : FTUN_NEVER;
}

static uint64_t liveness_deadline(const struct ftun_connection *c,
                                  const struct ftun_timeouts *timeouts)
{
    if (c->state != FTUN_ESTABLISHED)
        return FTUN_NEVER;
    return ftun_earlier(
        ftun_earlier(probe_at(c, timeouts), ftun_liveness_dead_at(&c->liveness, timeouts)),
        ftun_liveness_idle_at(&c->liveness, timeouts));
}

uint64_t ftun_connection_deadline(const struct ftun_connection *c,
                                  const struct ftun_timeouts *timeouts)
{
    if (c->state == FTUN_CLOSED)
        return FTUN_NEVER;
    return ftun_earlier(ftun_earlier(c->retransmit_at, c->ack_at), liveness_deadline(c, timeouts));
}

static void repeat_opening(struct ftun_connection *c, uint64_t now_ns, struct ftun_step *step)
{
    if (c->retries < FTUN_RESUME_RETRIES) {
        c->retries++;
        c->retransmit_at = now_ns + FTUN_RETRANSMIT_TIMEOUT;
        step->repeat_opening = true;
    } else {
        c->retransmit_at = FTUN_NEVER;
        step->opening_ignored = true;
    }
}

static void retransmit(struct ftun_connection *c, uint64_t now_ns, struct ftun_step *step)
{
    if (c->state == FTUN_ESTABLISHED) {
        repeat_opening(c, now_ns, step);
    } else if (c->state == FTUN_SYN_SENT && c->retries < FTUN_SYN_RETRIES) {
        c->retries++;
        ftun_connection_send_syn(c, now_ns, step);
    } else if (c->state == FTUN_SYN_SENT) {
        ftun_connection_end(c, FTUN_CLOSED_TIMEOUT, step);
    } else if (ftun_connection_has_sent_fin(c) && c->retries < FTUN_FIN_RETRIES) {
        c->retries++;
        ftun_connection_send_fin(c, now_ns, step);
    } else {
        ftun_connection_forget(c, step);
    }
}

/* Its last datagram left in the second half of the time in which nothing came: WireGuard repeats a
 * handshake after 5 s, and its persistent keepalives, 25 s apart, want no answer. */
static bool application_insists(const struct ftun_connection *c, uint64_t now_ns,
                                const struct ftun_timeouts *timeouts)
{
    return now_ns - c->sent_at <= timeouts->dead_after_ns / 2;
}

/* Nothing has come for so long. */
static void judge_silence(struct ftun_connection *c, uint64_t now_ns,
                          const struct ftun_timeouts *timeouts, struct ftun_step *step)
{
    if (c->profile->acknowledges_often || application_insists(c, now_ns, timeouts))
        ftun_connection_end(c, FTUN_CLOSED_DEAD, step);
    else
        ftun_liveness_waive(&c->liveness);
}

static void look_after_liveness(struct ftun_connection *c, uint64_t now_ns,
                                const struct ftun_timeouts *timeouts, struct ftun_step *step)
{
    if (ftun_liveness_idle_at(&c->liveness, timeouts) <= now_ns)
        ftun_connection_close(c, now_ns, FTUN_CLOSED_IDLE, step);
    else if (ftun_liveness_dead_at(&c->liveness, timeouts) <= now_ns)
        judge_silence(c, now_ns, timeouts, step);
    else
        ftun_connection_send_probe(c, now_ns, step);
}

void ftun_connection_timeout(struct ftun_connection *c, uint64_t now_ns,
                             const struct ftun_timeouts *timeouts, struct ftun_step *step)
{
    *step = (struct ftun_step){0};
    if (c->state == FTUN_CLOSED)
        return;
    if (c->retransmit_at <= now_ns)
        retransmit(c, now_ns, step);
    else if (liveness_deadline(c, timeouts) <= now_ns)
        look_after_liveness(c, now_ns, timeouts, step);
    else if (c->ack_at <= now_ns)
        ftun_connection_send_ack(c, step);
    ftun_connection_stamp(c, now_ns, step);
}
