/* Datagrams that leave as segments. */
#include "connection_state.h"
#include "sequence.h"

/* All of the window but its last byte: a probe begins one before what is not acknowledged, and a
 * whole window behind what was sent firewalls take it for invalid. */
static size_t room(const struct ftun_connection *c)
{
    const uint32_t edge = c->snd_edge - 1;
    return ftun_seq_before(c->snd_nxt, edge) ? edge - c->snd_nxt : 0;
}

/* True when what is in flight does not keep `len` bytes, in datagrams of `stride`, from being sent:
 * it is lost, or the peer never says what it has received. */
static bool flight_is_over(const struct ftun_connection *c, uint64_t now_ns, size_t len,
                           size_t stride)
{
    if (!c->profile->acknowledges_often)
        return room(c) < len;
    return room(c) < stride && now_ns >= c->progress_at + FTUN_RETRANSMIT_TIMEOUT;
}

size_t ftun_connection_sendable(struct ftun_connection *c, uint64_t now_ns, size_t len,
                                size_t stride)
{
    if (c->state != FTUN_ESTABLISHED)
        return 0;
    if (c->snd_una == c->snd_nxt)
        c->progress_at = now_ns;
    if (flight_is_over(c, now_ns, len, stride)) {
        c->snd_nxt = c->snd_una;
        c->progress_at = now_ns;
    }
    return len <= room(c) ? len : room(c) / stride * stride;
}

void ftun_connection_probe_window(struct ftun_connection *c, uint64_t now_ns)
{
    if (c->state != FTUN_ESTABLISHED || !c->profile->acknowledges_often ||
        now_ns < c->window_probe_after)
        return;
    c->window_probe_after = now_ns + FTUN_WINDOW_PROBE_INTERVAL;
    c->ack_due = true;
}

void ftun_connection_data(struct ftun_connection *c, uint64_t now_ns, size_t len, size_t segments,
                          struct ftun_tcp_header *out, uint16_t *ip_id)
{
    const uint8_t flags = c->profile->push_bursts ? FTUN_ACK | FTUN_PSH : FTUN_ACK;
    *out = ftun_connection_header(c, flags, c->snd_nxt);
    ftun_connection_stamp_header(c, now_ns, out);
    *ip_id = ftun_connection_take_ip_ids(c, segments);
    c->snd_nxt += (uint32_t)len;
    c->snd_max = ftun_seq_max(c->snd_max, c->snd_nxt);
    if (c->profile->acknowledges_often || c->conversed)
        ftun_liveness_ask(&c->liveness, now_ns);
    c->sent_at = now_ns;
    /* an answer: from now on acknowledgments ride on data, Linux's ping-pong mode
     * (tcp_event_data_sent()) */
    if (now_ns - c->data_at < FTUN_DELAYED_ACK)
        c->quick_acks = 0;
    ftun_connection_acknowledged(c);
}

void ftun_connection_opening(struct ftun_connection *c, uint64_t now_ns)
{
    c->opening = FTUN_OPENING_SENT;
    c->retransmit_at = now_ns + FTUN_RETRANSMIT_TIMEOUT;
}

void ftun_connection_opening_answered(struct ftun_connection *c)
{
    c->opening = FTUN_OPENING_ANSWERED;
    if (c->state == FTUN_ESTABLISHED)
        c->retransmit_at = FTUN_NEVER;
}

bool ftun_connection_has_sent(const struct ftun_connection *c, uint32_t sequence)
{
    const uint32_t acknowledged = c->snd_una - c->una_oldest;
    const uint32_t lag = acknowledged < FTUN_ACK_WINDOW ? acknowledged : FTUN_ACK_WINDOW;
    const uint32_t oldest = c->snd_una - lag - 1; /* probes, and the SYN, lie one before */
    return sequence - oldest <= c->snd_max - oldest;
}
