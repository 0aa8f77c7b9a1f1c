#include "mirror.h"

#include "sequence.h"

enum {
    MSS = 1460 /* bytes: of no consequence, a mirror sends nothing */
};

/* Whoever watches does not know how large the buffers of an end are: any window may be right. And
 * it is not for timestamps that a kernel refuses a segment which the capture shows to be taken. */
static const struct ftun_profile observed = {
    .name = "observed",
    .random_isn = true,
    .acknowledges_often = true,
    .receive_space = FTUN_WINDOW_MAX,
    .window_scale = FTUN_WINDOW_SCALE_MAX,
};

void ftun_mirror_connect(struct ftun_connection *connection, uint64_t now_ns,
                         const struct ftun_tcp_header *syn)
{
    struct ftun_step step;
    ftun_connection_connect(connection, now_ns, now_ns, &observed, syn->sequence, MSS, 0, &step);
}

void ftun_mirror_join(struct ftun_connection *connection, uint64_t now_ns,
                      const struct ftun_tcp_header *tcp, uint8_t peer_window_scale)
{
    ftun_connection_accept(connection, now_ns, &observed, tcp, MSS, peer_window_scale, 0);
    connection->window = ftun_receive_window_open(observed.receive_space, observed.window_scale);
}

void ftun_mirror_sent(struct ftun_connection *connection, uint64_t now_ns,
                      const struct ftun_tcp_header *tcp, size_t payload_len)
{
    const bool fin = (tcp->flags & FTUN_FIN) != 0;
    const uint32_t end = tcp->sequence + (uint32_t)payload_len + (fin ? 1 : 0);
    if ((tcp->flags & FTUN_RST) != 0) {
        connection->state = FTUN_CLOSED;
        return;
    }
    connection->snd_max = ftun_seq_max(connection->snd_max, end);
    connection->snd_nxt = connection->snd_max;
    if (fin && connection->state == FTUN_ESTABLISHED) {
        connection->state = FTUN_FIN_WAIT_1;
        connection->retransmit_at = now_ns + FTUN_RETRANSMIT_TIMEOUT;
    }
}
