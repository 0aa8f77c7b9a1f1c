/* The segments of a connection that carry no payload. */
#include "connection_state.h"

uint16_t ftun_connection_take_ip_ids(struct ftun_connection *c, size_t count)
{
    const uint16_t first = c->ip_id;
    if (c->profile->random_ip_id)
        c->ip_id = (uint16_t)(c->ip_id + count);
    return first;
}

struct ftun_tcp_header ftun_connection_header(const struct ftun_connection *c, uint8_t flags,
                                              uint32_t sequence)
{
    return (struct ftun_tcp_header){
        .sequence = sequence,
        .acknowledgment = c->rcv_nxt,
        .window = ftun_receive_window_field(&c->window),
        .flags = flags,
    };
}

/* --- timestamps --------------------------------------------------------------------------- */

static uint32_t timestamp(const struct ftun_connection *c, uint64_t now_ns)
{
    return c->timestamp_offset + ftun_connection_timestamp(0, now_ns);
}

size_t ftun_connection_options_len(const struct ftun_connection *c)
{
    return c->timestamps ? FTUN_TCP_TIMESTAMPS : 0;
}

void ftun_connection_stamp_header(const struct ftun_connection *c, uint64_t now_ns,
                                  struct ftun_tcp_header *tcp)
{
    if (c->timestamps)
        tcp->options_len = (uint8_t)ftun_tcp_timestamps_write(timestamp(c, now_ns),
                                                              c->timestamp_recent, tcp->options);
}

void ftun_connection_stamp(const struct ftun_connection *c, uint64_t now_ns, struct ftun_step *step)
{
    if (step->has_segment && (step->segment.flags & FTUN_RST) == 0)
        ftun_connection_stamp_header(c, now_ns, &step->segment);
}

void ftun_connection_agree_on_timestamps(struct ftun_connection *c,
                                         const struct ftun_tcp_options *options)
{
    if (!options->has_timestamps)
        return;
    c->timestamps = true;
    c->timestamp_recent = options->timestamp_value;
    ftun_connection_limit_mss(c, c->mss);
}

/* --- the segments ------------------------------------------------------------------------- */

void ftun_connection_acknowledged(struct ftun_connection *c)
{
    c->acknowledged = c->rcv_nxt;
    c->unacknowledged = 0;
    c->ack_due = false;
    c->ack_at = FTUN_NEVER;
}

static void send_control(struct ftun_connection *c, uint8_t flags, uint32_t sequence,
                         struct ftun_step *step)
{
    step->has_segment = true;
    step->ip_id = ftun_connection_take_ip_ids(c, 1);
    step->segment = ftun_connection_header(c, flags, sequence);
    ftun_connection_acknowledged(c);
}

void ftun_connection_send_ack(struct ftun_connection *c, struct ftun_step *step)
{
    send_control(c, FTUN_ACK, c->snd_nxt, step);
}

bool ftun_connection_may_challenge(struct ftun_connection *c, uint64_t now_ns)
{
    if (now_ns < c->challenge_after)
        return false;
    c->challenge_after = now_ns + FTUN_CHALLENGE_INTERVAL;
    return true;
}

void ftun_connection_send_challenge(struct ftun_connection *c, uint64_t now_ns,
                                    struct ftun_step *step)
{
    if (ftun_connection_may_challenge(c, now_ns))
        ftun_connection_send_ack(c, step);
}

void ftun_connection_send_syn(struct ftun_connection *c, uint64_t now_ns, struct ftun_step *step)
{
    const struct ftun_tcp_options values = {
        .mss = c->mss,
        .timestamp_value = timestamp(c, now_ns),
    };
    step->has_segment = true;
    step->ip_id = ftun_connection_take_ip_ids(c, 1);
    step->segment = (struct ftun_tcp_header){
        .sequence = c->snd_una,
        .window = ftun_profile_syn_window(c->profile, c->mss),
        .flags = FTUN_SYN,
    };
    step->segment.options_len =
        (uint8_t)ftun_profile_syn_options(c->profile, &values, NULL, step->segment.options);
    c->retransmit_at = now_ns + FTUN_RETRANSMIT_TIMEOUT;
}

void ftun_connection_send_probe(struct ftun_connection *c, uint64_t now_ns, struct ftun_step *step)
{
    send_control(c, FTUN_ACK, c->snd_una - 1, step);
    ftun_liveness_probed(&c->liveness, now_ns);
}

/* The FIN has the last sequence number sent. */
void ftun_connection_repeat_fin(struct ftun_connection *c, struct ftun_step *step)
{
    send_control(c, FTUN_FIN | FTUN_ACK, c->snd_nxt - 1, step);
}

void ftun_connection_send_fin(struct ftun_connection *c, uint64_t now_ns, struct ftun_step *step)
{
    ftun_connection_repeat_fin(c, step);
    c->retransmit_at = now_ns + (FTUN_FIN_TIMEOUT << c->retries);
}

void ftun_connection_send_rst(struct ftun_connection *c, uint32_t sequence, struct ftun_step *step)
{
    step->has_segment = true;
    step->ip_id = 0; /* as Linux, whose resets come from no connection: tcp_v4_send_reset() */
    step->segment = ftun_connection_header(c, FTUN_RST, sequence);
    step->segment.acknowledgment = 0;
    step->segment.window = 0;
}
