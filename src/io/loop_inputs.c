/* What the descriptors have. Payload is never copied here: it lies where recvmmsg or read put it
 * until writev or sendmsg have taken it. */
#include "loop_state.h"

#include <errno.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { PACKETS_PER_TURN = 64 /* read from the TUN: up to 4 MiB */ };

static void read_tunnel(struct ftun_loop *loop)
{
    struct ftun_tunnel_packet packet;
    for (int i = 0; i < PACKETS_PER_TURN; i++) {
        const int got = ftun_tun_read(&loop->config.attachment->tun, loop->packet, &packet);
        if (got < 0)
            ftun_loop_lose_tunnel(loop, errno);
        if (got <= 0)
            return;
        if (loop->config.observer.packet != NULL)
            loop->config.observer.packet(loop->config.observer.context, &packet);
        ftun_endpoint_packet(loop->config.endpoint, loop->now_ns, &packet, &loop->actions);
        ftun_loop_carry_out(loop, &ftun_no_burst);
    }
    ftun_loop_look_at_tunnel(loop, false); /* it had more than a turn takes */
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

/* The most that one call has brought in this turn. */
static void note_received(struct ftun_loop *loop, int count)
{
    if (count > 0 && (size_t)count > loop->received)
        loop->received = (size_t)count;
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

/* Send what is in the batch: over `flow`, or where that is FTUN_NO_FLOW over the flows of its
 * sources. */
static void send_batch(struct ftun_loop *loop, int count, uint32_t flow)
{
    ftun_udp_taken taken = 0;
    while (count > 0 && ftun_udp_left((size_t)count, taken)) {
        const struct ftun_udp_message *head;
        struct ftun_slice slices[FTUN_UDP_MESSAGES_MAX];
        const struct ftun_burst burst =
            ftun_udp_next_burst(loop->batch, (size_t)count, &taken, slices, &head);
        const uint32_t over = flow != FTUN_NO_FLOW ? flow : flow_of(loop, head);
        if (over != FTUN_NO_FLOW)
            send_burst(loop, over, &burst);
    }
}

static void read_listener(struct ftun_loop *loop, uint32_t events)
{
    struct ftun_listener *listener = loop->config.listener;
    if ((events & EPOLLERR) != 0)
        loop->counters.application_refused += ftun_udp_take_refusals(listener->fd);
    const int count = ftun_udp_receive(listener->fd, loop->batch, true);
    note_received(loop, count);
    if (count >= 0) {
        const size_t lane =
            ftun_lanes_relieve(&listener->lanes, listener->fd, loop->batch, (size_t)count,
                               loop->now_ns, &loop->counters.socket_overflow);
        if (lane < FTUN_LANES_MAX)
            ftun_loop_watch(loop, listener->lanes.at[lane].fd, FROM_LANE, (uint32_t)lane);
    }
    send_batch(loop, count, FTUN_NO_FLOW);
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
    note_received(loop, count);
    send_batch(loop, count, FTUN_NO_FLOW);
}

static void read_upstream(struct ftun_loop *loop, uint32_t flow)
{
    const int fd = loop->config.upstream->sockets[flow];
    if (fd < 0) /* closed earlier in this turn */
        return;
    const int count = ftun_udp_receive(fd, loop->batch, false);
    if (count < 0 && errno == ECONNREFUSED)
        loop->counters.application_refused++;
    note_received(loop, count);
    send_batch(loop, count, flow);
}

static void read_signal(struct ftun_loop *loop)
{
    struct signalfd_siginfo info;
    if (read(loop->config.signal_fd, &info, sizeof info) != sizeof info)
        return;
    ftun_loop_look_at_tunnel(loop, true);
    const struct ftun_observer *observer = &loop->config.observer;
    if (!observer->signal(observer->context, (int)info.ssi_signo) || loop->stopping)
        return;
    loop->stopping = true;
    loop->stopping_since_ns = loop->now_ns;
    loop->answered_at_ns = loop->now_ns;
    loop->to_close = ftun_loop_open_flows(loop);
    if (loop->config.role == FTUN_CLIENT) { /* what applications send now would open new flows */
        ftun_lanes_close(&loop->config.listener->lanes);
        epoll_ctl(loop->epoll, EPOLL_CTL_DEL, loop->config.listener->fd, NULL);
    }
}

/* That it rang is all: what is due is done in every turn. */
static void read_alarm(const struct ftun_loop *loop)
{
    uint64_t times;
    while (read(loop->alarm, &times, sizeof times) > 0)
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
