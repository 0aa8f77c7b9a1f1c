/* What the descriptors have. Payload is never copied here: it lies where recvmmsg or read put it
 * until writev or sendmsg have taken it. */
#include "loop_state.h"

#include <errno.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* Read from the TUN in a turn, the larger packets being the fewer. A turn takes as many datagrams
 * as one call receives, and each may open a flow, for which the peer sends four packets: were fewer
 * taken from it, the TUN's queue would overflow. */
enum { PACKETS_PER_TURN = 4 * FTUN_UDP_MESSAGES_MAX, BYTES_PER_TURN = 4 << 20 };

void ftun_loop_packet(struct ftun_loop *loop, const struct ftun_tunnel_packet *packet)
{
    if (loop->config.observer.packet != NULL)
        loop->config.observer.packet(loop->config.observer.context, packet);
    ftun_endpoint_packet(loop->config.endpoint, loop->now_ns, packet, &loop->actions);
    ftun_loop_carry_out(loop, &ftun_no_burst);
}

/* A call only to hear that there is no more would delay a lone packet's answer. More is likely
 * behind a super-segment, and when the turn before has left some. */
static bool expects_more(const struct ftun_loop *loop, const struct ftun_tunnel_packet *packet)
{
    return packet->segment_size > 0 || loop->tunnel_left_turn + 1 == loop->turn;
}

static void read_tunnel(struct ftun_loop *loop)
{
    struct ftun_tunnel_packet packet;
    size_t bytes = 0;
    bool more = true;
    for (int i = 0; more && i < PACKETS_PER_TURN && bytes < BYTES_PER_TURN; i++) {
        const int got = ftun_tun_read(loop->config.tun, loop->packet, &packet);
        if (got < 0)
            ftun_loop_lose_tunnel(loop, errno);
        if (got <= 0)
            return;
        bytes += packet.len;
        ftun_loop_packet(loop, &packet);
        more = expects_more(loop, &packet);
    }
    loop->tunnel_left_turn = loop->turn;
    if (more) /* it had more than a turn takes */
        ftun_loop_look_at_tunnel(loop, false);
}

static void send_burst(struct ftun_loop *loop, uint32_t flow, const struct ftun_burst *burst)
{
    size_t done = 0;
    do {
        done += ftun_endpoint_datagrams(loop->config.endpoint, loop->now_ns, flow, burst, done,
                                        &loop->actions);
        ftun_loop_carry_out(loop, burst);
    } while (done < burst->len);
}

/* Of what a call has brought, the messages that are one datagram; the most in this turn. */
static void note_singles(struct ftun_loop *loop, int count)
{
    size_t singles = 0;
    for (int i = 0; i < count; i++) {
        const struct ftun_udp_message *message = ftun_udp_message(loop->batch, (size_t)i);
        singles += message->len <= message->stride;
    }
    if (singles > loop->singles)
        loop->singles = singles;
}

/* The client's flow of datagrams from the source of `head`; FTUN_NO_FLOW when it is refused. */
static uint32_t flow_of(struct ftun_loop *loop, const struct ftun_udp_message *head)
{
    const uint32_t flow =
        ftun_endpoint_flow(loop->config.endpoint, loop->now_ns, &head->source, &loop->actions);
    if (flow == FTUN_NO_FLOW)
        return FTUN_NO_FLOW;
    ftun_listener_learn(loop->config.listener, flow, head);
    ftun_loop_carry_out(loop, &ftun_no_burst);
    return flow;
}

/* Send what is in the batch, but for what is taken: a client's datagrams over the flows of their
 * sources. */
static void send_batch(struct ftun_loop *loop, int count, ftun_udp_taken taken)
{
    note_singles(loop, count);
    while (count > 0 && ftun_udp_left((size_t)count, taken)) {
        const struct ftun_udp_message *head;
        struct ftun_slice slices[FTUN_UDP_MESSAGES_MAX];
        const struct ftun_burst burst =
            ftun_udp_next_burst(loop->batch, (size_t)count, &taken, slices, &head);
        const uint32_t flow = loop->config.role == FTUN_CLIENT ? flow_of(loop, head) : head->flow;
        if (flow != FTUN_NO_FLOW)
            send_burst(loop, flow, &burst);
    }
}

/* A lane that cannot be waited for would swallow what its source sends. */
static void watch_lane(struct ftun_loop *loop, size_t lane)
{
    struct ftun_lanes *lanes = &loop->config.listener->lanes;
    if (!ftun_loop_watch(loop, lanes->at[lane].fd, FROM_LANE, (uint32_t)lane))
        ftun_lanes_give_up(lanes, lane);
}

/* Not once the flows are being closed, which may have begun earlier in this turn. */
static void read_listener(struct ftun_loop *loop, uint32_t events)
{
    struct ftun_listener *listener = loop->config.listener;
    if (loop->stopping)
        return;
    if ((events & EPOLLERR) != 0)
        loop->counters.application_refused += ftun_udp_take_refusals(listener->fd);
    const int count = ftun_udp_receive(listener->fd, loop->batch, true);
    if (count >= 0) {
        const size_t lane =
            ftun_lanes_relieve(&listener->lanes, listener->fd, loop->batch, (size_t)count,
                               loop->now_ns, &loop->counters.socket_overflow);
        if (lane < FTUN_LANES_MAX)
            watch_lane(loop, lane);
    }
    send_batch(loop, count, 0);
}

/* As long as the listener has older messages, those are read. */
static void read_lane(struct ftun_loop *loop, size_t lane)
{
    struct ftun_listener *listener = loop->config.listener;
    if (!ftun_lanes_may_read(&listener->lanes, lane)) {
        read_listener(loop, 0);
        return;
    }
    const int count = ftun_lanes_receive(&listener->lanes, lane, loop->batch, loop->now_ns,
                                         &loop->counters.socket_overflow);
    if (count < 0 && errno == ECONNREFUSED)
        loop->counters.application_refused++;
    send_batch(loop, count, 0);
}

/* A flow that was closed earlier in this turn has none. */
static void read_upstream(struct ftun_loop *loop, uint32_t flow)
{
    const int count = ftun_upstream_receive(loop->config.upstream, flow, loop->batch);
    loop->counters.socket_overflow = loop->config.upstream->overflow;
    if (count < 0 && errno == ECONNREFUSED)
        loop->counters.application_refused++;
    send_batch(loop, count, 0);
}

static void read_shared_upstream(struct ftun_loop *loop, uint32_t events)
{
    struct ftun_upstream *upstream = loop->config.upstream;
    if ((events & EPOLLERR) != 0)
        loop->counters.application_refused += ftun_udp_take_refusals(upstream->shared);
    ftun_udp_taken strangers;
    const int count = ftun_upstream_receive_shared(upstream, loop->batch, &strangers);
    loop->counters.upstream_strangers += (unsigned)__builtin_popcountll(strangers);
    loop->counters.socket_overflow = upstream->overflow;
    send_batch(loop, count, strangers);
}

static void read_signal(struct ftun_loop *loop)
{
    struct signalfd_siginfo info;
    if (read(loop->config.signal_fd, &info, sizeof info) != sizeof info)
        return;
    ftun_loop_look_at_tunnel(loop, true);
    const struct ftun_loop_owner *owner = &loop->config.owner;
    if (owner->signal(owner->context, (int)info.ssi_signo))
        ftun_loop_stop(loop);
}

/* That it rang is all: what is due is done in every turn. */
static void read_alarm(const struct ftun_loop *loop)
{
    uint64_t times;
    while (read(loop->waiting.alarm, &times, sizeof times) > 0)
        ;
}

void ftun_loop_handle(struct ftun_loop *loop, const struct epoll_event *event)
{
    switch ((enum ftun_loop_source)(event->data.u64 >> 32)) {
    case FROM_TUN:
        read_tunnel(loop);
        break;
    case FROM_LISTENER:
        read_listener(loop, event->events);
        break;
    case FROM_LANE:
        read_lane(loop, (size_t)(uint32_t)event->data.u64);
        break;
    case FROM_UPSTREAM:
        read_upstream(loop, (uint32_t)event->data.u64);
        break;
    case FROM_SHARED_UPSTREAM:
        read_shared_upstream(loop, event->events);
        break;
    case FROM_SIGNALS:
        read_signal(loop);
        break;
    case FROM_ALARM:
        read_alarm(loop);
        break;
    case FROM_WATCH: {
        const struct ftun_watch *watched = &loop->config.watches[(uint32_t)event->data.u64];
        watched->ready(watched->context);
        break;
    }
    }
}
