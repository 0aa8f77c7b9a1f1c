/* Datagrams that leave as segments. */
#include "connection_state.h"
#include "sequence.h"

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

void ftun_connection_data(struct ftun_connection *c, uint64_t now_ns, size_t len, size_t segments,
                          struct ftun_tcp_header *out, uint16_t *ip_id)
{
    const uint8_t flags = c->profile->push_bursts ? FTUN_ACK | FTUN_PSH : FTUN_ACK;
    *out = ftun_connection_header(c, flags, c->snd_nxt);
    ftun_connection_stamp_header(c, now_ns, out);
    *ip_id = ftun_connection_take_ip_ids(c, segments);
    c->snd_nxt += (uint32_t)len;
    c->snd_max = ftun_seq_max(c->snd_max, c->snd_nxt);
    bound_flight(c);
    /* an answer: from now on acknowledgments ride on data, Linux's ping-pong mode
     * (tcp_event_data_sent()) */
    if (now_ns - c->data_at < FTUN_DELAYED_ACK)
        c->quick_acks = 0;
    ftun_connection_acknowledged(c);
}

bool ftun_connection_has_sent(const struct ftun_connection *c, uint32_t sequence)
{
    const uint32_t oldest = c->snd_una - FTUN_LATE_WINDOW;
    return sequence - oldest <= c->snd_max - oldest;
}
