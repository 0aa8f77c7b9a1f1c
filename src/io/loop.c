/* Theory of operation
 *
 * One turn: wait until a descriptor is readable or a deadline has passed; read the clock, once;
 * take what there is, a bounded amount from each descriptor, so that none starves the others; give
 * it to the endpoint and carry out its actions; then what is due in time, and last the
 * acknowledgments that the turn has made due.
 *
 *     UDP sockets ── recvmmsg ──> bursts ──> endpoint ──> actions ── writev ──> TUN
 *     TUN         ── read     ──> packet ──> endpoint ──> actions ── sendmsg ──> UDP sockets
 *
 * Payload is never copied here: it lies where recvmmsg or read put it until writev or sendmsg have
 * taken it. Descriptors are watched level-triggered: what a turn leaves is there in the next.
 *
 * When datagrams come one by one but fast, the loop would wake for every few of them, and each
 * small burst would walk the kernel's forwarding path by itself. So after a turn that received
 * several messages, but not all that a call can take, the loop rests for a moment and lets them
 * gather, as a network card moderates its interrupts. A lone flow of questions and answers has one
 * message a turn and never waits. Measured (tools/bench, single datagrams, 2 cores): 1.05 to 1.2
 * times the throughput, and three quarters of the CPU per GB.
 *
 * When the TUN vanishes, the endpoint does not learn of it: to its flows the network loses
 * everything for a while. The loop has the device made again, at once and then once a second. */
#include "loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
    EVENTS_MAX = 64,
    PACKETS_PER_TURN = 64, /* read from the TUN: up to 4 MiB */
    MILLISECOND_NS = 1000000,
    LONG_WAIT_MS = 1000,
    RESTORE_TRIES = 5,
    BUSY_MESSAGES = 3,    /* in one turn: datagrams come faster than they are asked for */
    REST_NS = 50 * 1000,  /* 64 datagrams in this time: 14 Gbit/s of 1400 bytes */
    TIMER_SLACK_NS = 1000 /* the default, 50 us, would double the rest */
};

/* Between two tries to make the TUN again, successful ones too: somebody may take it away time and
 * again. */
static const uint64_t restore_interval = FTUN_SECOND;

/* How long shutdown takes when peers do not answer; longer where they, or this machine, are too
 * slow for so many FINs. */
static const uint64_t closing_time = FTUN_SECOND * 95 / 100;

/* Within this time the FINs leave, evenly, if the peers answer them. */
static const uint64_t fin_time = FTUN_SECOND / 2;

/* A peer has a queue of 1000 packets for FINs and for the data of other clients, and drops either
 * when it is full: no more FINs than this wait for an answer, each of which is acknowledged. */
static const uint64_t fins_unanswered = 250;

/* When no peer has answered for so long, the rest leave all the same, and nobody is waited for any
 * more. */
static const uint64_t patience_with_peers = FTUN_SECOND * 4 / 10;

/* Between some FINs and the next. */
static const uint64_t close_interval = 2 * MILLISECOND_NS;

enum source { FROM_TUN, FROM_LISTENER, FROM_UPSTREAM, FROM_SIGNALS, FROM_ALARM, FROM_WATCH };

struct ftun_loop {
    struct ftun_loop_config config;
    struct ftun_io_counters counters;
    int epoll;
    int alarm; /* a timerfd: ends long waits */
    bool stopping;
    bool closed; /* when stopping: nothing waits for a peer any more */
    uint64_t now_ns;
    uint64_t stopping_since_ns;
    uint64_t close_at_ns;    /* not before, when stopping: the next FINs */
    uint64_t to_close;       /* flows that were open when stopping began */
    uint64_t to_wait_for;    /* connections that wait for their peers, when last counted */
    uint64_t answered_at_ns; /* when that became fewer */
    uint64_t restore_at_ns;  /* not before, when the TUN is gone */
    int restore_tries;
    size_t received; /* UDP messages that one call has brought, the most in this turn */
    uint32_t doomed; /* a flow that has no socket, to be closed once its actions are done */
    struct ftun_udp_batch *batch;
    struct ftun_actions actions;
    uint8_t packet[FTUN_TUN_BUFFER];
};

uint64_t ftun_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * FTUN_SECOND + (uint64_t)now.tv_nsec;
}

const struct ftun_io_counters *ftun_loop_counters(const struct ftun_loop *loop)
{
    return &loop->counters;
}

/* `number` says which of that source: the flow, or the place among the configuration's watches. */
static bool watch(struct ftun_loop *loop, int fd, enum source source, uint32_t number)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uint64_t)source << 32 | number};
    return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* --- actions ------------------------------------------------------------------------------ */

static void send_segment(struct ftun_loop *loop, const struct ftun_action *action,
                         const struct ftun_burst *burst)
{
    struct ftun_slice slices[FTUN_UDP_MESSAGES_MAX];
    const size_t len = action->send.segment.payload_len;
    size_t count = 0;
    if (len > 0 && action->send.data != NULL)
        slices[count++] = (struct ftun_slice){.data = action->send.data, .len = len};
    else if (len > 0)
        count = ftun_burst_range(burst, action->send.offset, len, slices);
    if (!ftun_tun_write(&loop->config.attachment->tun, &action->send.segment, action->send.stride,
                        slices, count))
        loop->counters.tunnel_drops++;
}

static void count_drops(struct ftun_loop *loop, size_t dropped)
{
    if (dropped == 0)
        return;
    if (errno == ECONNREFUSED)
        loop->counters.application_refused++;
    loop->counters.delivery_drops += dropped;
}

static void deliver(struct ftun_loop *loop, const struct ftun_action *action)
{
    const uint8_t *data = action->deliver.data;
    const size_t len = action->deliver.len;
    const size_t stride = action->deliver.stride;
    if (loop->config.role == FTUN_CLIENT)
        count_drops(loop,
                    ftun_listener_deliver(loop->config.listener, action->flow, data, len, stride));
    else
        count_drops(loop,
                    ftun_upstream_deliver(loop->config.upstream, action->flow, data, len, stride));
}

static void open_flow(struct ftun_loop *loop, uint32_t flow)
{
    if (loop->config.role == FTUN_CLIENT)
        return;
    const int fd = ftun_upstream_open(loop->config.upstream, flow);
    if (fd >= 0 && watch(loop, fd, FROM_UPSTREAM, flow))
        return;
    loop->counters.socket_failures++;
    loop->doomed = flow;
    if (loop->config.observer.no_socket != NULL)
        loop->config.observer.no_socket(loop->config.observer.context, flow, errno);
}

static void close_flow(struct ftun_loop *loop, uint32_t flow)
{
    if (loop->config.role == FTUN_SERVER)
        ftun_upstream_close(loop->config.upstream, flow);
}

/* `burst` is the input that the action came from. */
static void carry_out(struct ftun_loop *loop, const struct ftun_action *action,
                      const struct ftun_burst *burst)
{
    if (loop->config.observer.action != NULL)
        loop->config.observer.action(loop->config.observer.context, action);
    switch (action->kind) {
    case FTUN_ACTION_SEND:
        send_segment(loop, action, burst);
        break;
    case FTUN_ACTION_DELIVER:
        deliver(loop, action);
        break;
    case FTUN_ACTION_OPEN:
        open_flow(loop, action->flow);
        break;
    case FTUN_ACTION_CLOSE:
        close_flow(loop, action->flow);
        break;
    case FTUN_ACTION_RECONNECT:
        loop->config.reconnecting(loop->config.network);
        break;
    case FTUN_ACTION_ESTABLISHED:
    case FTUN_ACTION_MSS:
        break;
    }
}

/* The input that actions came from, where it was another. */
static const struct ftun_burst no_burst;

static void carry_out_all(struct ftun_loop *loop, const struct ftun_burst *burst)
{
    for (size_t i = 0; i < loop->actions.count; i++)
        carry_out(loop, &loop->actions.at[i], burst);
    if (loop->doomed == FTUN_NO_FLOW)
        return;
    const uint32_t doomed = loop->doomed;
    loop->doomed = FTUN_NO_FLOW;
    ftun_endpoint_close(loop->config.endpoint, loop->now_ns, doomed, &loop->actions);
    carry_out_all(loop, &no_burst);
}

/* --- the TUN's loss ----------------------------------------------------------------------- */

static bool tunnel_is_lost(const struct ftun_loop *loop)
{
    return loop->config.attachment->tun.fd < 0;
}

/* Closing the descriptor ends its being watched; what is written from now on is dropped. */
static void lose_tunnel(struct ftun_loop *loop, int cause)
{
    const struct ftun_observer *observer = &loop->config.observer;
    if (observer->tunnel_lost != NULL)
        observer->tunnel_lost(observer->context, loop->config.attachment, cause);
    ftun_tun_close(&loop->config.attachment->tun);
}

static bool make_tunnel_again(struct ftun_loop *loop, struct ftun_error *error)
{
    struct ftun_attachment *attachment = loop->config.attachment;
    if (!ftun_attachment_restore(attachment, error))
        return false;
    if (watch(loop, attachment->tun.fd, FROM_TUN, 0))
        return true;
    ftun_fail(error, "cannot watch the TUN device %s: %s", attachment->tun.name, strerror(errno));
    ftun_tun_close(&attachment->tun);
    return false;
}

/* If the TUN is gone and it is time. False when it is not worth another try. */
static bool restore_tunnel(struct ftun_loop *loop, struct ftun_error *error)
{
    const struct ftun_observer *observer = &loop->config.observer;
    if (!tunnel_is_lost(loop) || loop->now_ns < loop->restore_at_ns)
        return true;
    loop->restore_at_ns = loop->now_ns + restore_interval;
    if (!make_tunnel_again(loop, error))
        return ++loop->restore_tries < RESTORE_TRIES;
    loop->restore_tries = 0;
    if (observer->tunnel_restored != NULL)
        observer->tunnel_restored(observer->context, loop->config.attachment);
    return true;
}

/* --- inputs ------------------------------------------------------------------------------- */

static void read_tunnel(struct ftun_loop *loop)
{
    struct ftun_tunnel_packet packet;
    for (int i = 0; i < PACKETS_PER_TURN; i++) {
        const int got = ftun_tun_read(&loop->config.attachment->tun, loop->packet, &packet);
        if (got < 0)
            lose_tunnel(loop, errno);
        if (got <= 0)
            return;
        if (loop->config.observer.packet != NULL)
            loop->config.observer.packet(loop->config.observer.context, &packet);
        ftun_endpoint_packet(loop->config.endpoint, loop->now_ns, &packet, &loop->actions);
        carry_out_all(loop, &no_burst);
    }
}

static void send_burst(struct ftun_loop *loop, uint32_t flow, const struct ftun_burst *burst)
{
    size_t done = 0;
    do {
        done += ftun_endpoint_datagrams(loop->config.endpoint, loop->now_ns, flow, burst, done,
                                        &loop->actions);
        carry_out_all(loop, burst);
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
    carry_out_all(loop, &no_burst);
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
    if ((events & EPOLLERR) != 0)
        loop->counters.application_refused += ftun_udp_take_refusals(loop->config.listener->fd);
    const int count = ftun_udp_receive(loop->config.listener->fd, loop->batch, true);
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

static uint64_t open_flows(const struct ftun_loop *loop)
{
    const struct ftun_counters *counters = ftun_endpoint_counters(loop->config.endpoint);
    return counters->flows_opened - counters->flows_closed;
}

static void read_signal(struct ftun_loop *loop)
{
    struct signalfd_siginfo info;
    if (read(loop->config.signal_fd, &info, sizeof info) != sizeof info)
        return;
    const struct ftun_observer *observer = &loop->config.observer;
    if (!observer->signal(observer->context, (int)info.ssi_signo) || loop->stopping)
        return;
    loop->stopping = true;
    loop->stopping_since_ns = loop->now_ns;
    loop->answered_at_ns = loop->now_ns;
    loop->to_close = open_flows(loop);
    if (loop->config.role == FTUN_CLIENT) /* what applications send now would open new flows */
        epoll_ctl(loop->epoll, EPOLL_CTL_DEL, loop->config.listener->fd, NULL);
}

/* That it rang is all: what is due is done in every turn. */
static void read_alarm(const struct ftun_loop *loop)
{
    uint64_t times;
    while (read(loop->alarm, &times, sizeof times) > 0)
        ;
}

static void handle(struct ftun_loop *loop, const struct epoll_event *event)
{
    switch ((enum source)(event->data.u64 >> 32)) {
    case FROM_TUN:
        read_tunnel(loop);
        break;
    case FROM_LISTENER:
        read_listener(loop, event->events);
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

/* --- turns -------------------------------------------------------------------------------- */

static void pass_time(struct ftun_loop *loop)
{
    while (ftun_endpoint_deadline(loop->config.endpoint) <= loop->now_ns) {
        ftun_endpoint_timeout(loop->config.endpoint, loop->now_ns, &loop->actions);
        carry_out_all(loop, &no_burst);
    }
}

static bool peers_answer(const struct ftun_loop *loop)
{
    return loop->now_ns < loop->answered_at_ns + patience_with_peers;
}

static void count_answers(struct ftun_loop *loop, uint64_t closing)
{
    if (closing < loop->to_wait_for)
        loop->answered_at_ns = loop->now_ns;
    loop->to_wait_for = closing;
}

/* How many flows to close now. */
static uint64_t flows_to_close(const struct ftun_loop *loop, uint64_t unanswered)
{
    const uint64_t each_time = loop->to_close * close_interval / fin_time + 1;
    if (!peers_answer(loop))
        return 4 * each_time;
    const uint64_t room = unanswered < fins_unanswered ? fins_unanswered - unanswered : 0;
    return room < each_time ? room : each_time;
}

/* When stopping, again and again: handshakes under way may still complete. */
static void close_some(struct ftun_loop *loop)
{
    if (!loop->stopping || loop->now_ns < loop->close_at_ns)
        return;
    loop->close_at_ns = loop->now_ns + close_interval;
    const uint64_t open = open_flows(loop);
    const uint64_t closing = ftun_endpoint_closing_count(loop->config.endpoint);
    const uint64_t most = flows_to_close(loop, closing > open ? closing - open : 0);
    loop->closed = closing == 0;
    count_answers(loop, closing);
    bool more = closing > 0; /* a connection of which no flow is known yet counts, too */
    while (more && open_flows(loop) + most > open) {
        more = ftun_endpoint_close_all(loop->config.endpoint, loop->now_ns, &loop->actions);
        carry_out_all(loop, &no_burst);
    }
}

static void end_turn(struct ftun_loop *loop)
{
    bool more;
    do {
        more = ftun_endpoint_end_turn(loop->config.endpoint, loop->now_ns, &loop->actions);
        carry_out_all(loop, &no_burst);
    } while (more);
}

static uint64_t observe_turn(struct ftun_loop *loop)
{
    const struct ftun_observer *observer = &loop->config.observer;
    return observer->turn == NULL ? FTUN_NEVER : observer->turn(observer->context, loop->now_ns);
}

/* epoll_wait() does not count the time that the machine is suspended, deadlines do: a long wait
 * ends by an alarm of the same clock as they. */
static int wait_long(const struct ftun_loop *loop, uint64_t at_ns)
{
    const struct itimerspec at = {.it_value = {.tv_sec = (time_t)(at_ns / FTUN_SECOND),
                                               .tv_nsec = (long)(at_ns % FTUN_SECOND)}};
    return timerfd_settime(loop->alarm, TFD_TIMER_ABSTIME, &at, NULL) == 0 ? -1 : LONG_WAIT_MS;
}

/* Until the earliest of what anybody waits for, rounded up; -1: for ever. */
static int wait_ms(const struct ftun_loop *loop, uint64_t observer_at_ns)
{
    uint64_t at = ftun_endpoint_deadline(loop->config.endpoint);
    if (observer_at_ns < at)
        at = observer_at_ns;
    if (loop->stopping && loop->close_at_ns < at)
        at = loop->close_at_ns;
    if (tunnel_is_lost(loop) && loop->restore_at_ns < at)
        at = loop->restore_at_ns;
    if (at == FTUN_NEVER)
        return -1;
    const uint64_t now_ns = ftun_clock();
    const uint64_t wait = at <= now_ns ? 0 : (at - now_ns + MILLISECOND_NS - 1) / MILLISECOND_NS;
    return wait < LONG_WAIT_MS ? (int)wait : wait_long(loop, at);
}

static void let_datagrams_gather(struct ftun_loop *loop)
{
    const struct timespec rest = {.tv_nsec = REST_NS};
    if (loop->received >= BUSY_MESSAGES && loop->received < FTUN_UDP_MESSAGES_MAX)
        nanosleep(&rest, NULL);
    loop->received = 0;
}

static bool finished(const struct ftun_loop *loop)
{
    return loop->stopping &&
           (loop->closed || (open_flows(loop) == 0 && !peers_answer(loop) &&
                             loop->now_ns >= loop->stopping_since_ns + closing_time));
}

bool ftun_loop_run(struct ftun_loop *loop, struct ftun_error *error)
{
    struct epoll_event events[EVENTS_MAX];
    uint64_t observer_at_ns = FTUN_NEVER;
    while (!finished(loop)) {
        const int count =
            epoll_wait(loop->epoll, events, EVENTS_MAX, wait_ms(loop, observer_at_ns));
        loop->now_ns = ftun_clock();
        for (int i = 0; i < count; i++)
            handle(loop, &events[i]);
        if (!restore_tunnel(loop, error))
            return false;
        pass_time(loop);
        close_some(loop);
        end_turn(loop);
        observer_at_ns = observe_turn(loop);
        let_datagrams_gather(loop);
    }
    return true;
}

/* --- life --------------------------------------------------------------------------------- */

static bool watch_others(struct ftun_loop *loop)
{
    for (uint32_t i = 0; i < loop->config.watch_count; i++)
        if (!watch(loop, loop->config.watches[i].fd, FROM_WATCH, i))
            return false;
    return true;
}

static bool watch_all(struct ftun_loop *loop)
{
    const struct ftun_loop_config *config = &loop->config;
    return watch_others(loop) && watch(loop, loop->alarm, FROM_ALARM, 0) &&
           watch(loop, config->attachment->tun.fd, FROM_TUN, 0) &&
           watch(loop, config->signal_fd, FROM_SIGNALS, 0) &&
           (config->role == FTUN_SERVER || watch(loop, config->listener->fd, FROM_LISTENER, 0));
}

struct ftun_loop *ftun_loop_create(const struct ftun_loop_config *config, struct ftun_error *error)
{
    struct ftun_loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL) {
        ftun_fail(error, "out of memory");
        return NULL;
    }
    prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS);
    loop->config = *config;
    loop->doomed = FTUN_NO_FLOW;
    loop->now_ns = ftun_clock();
    loop->batch = ftun_udp_batch_create();
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->alarm = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (loop->batch != NULL && loop->epoll >= 0 && loop->alarm >= 0 && watch_all(loop))
        return loop;
    ftun_fail(error, "cannot start the poll loop: %s", strerror(errno));
    ftun_loop_destroy(loop);
    return NULL;
}

void ftun_loop_destroy(struct ftun_loop *loop)
{
    if (loop == NULL)
        return;
    if (loop->epoll >= 0)
        close(loop->epoll);
    if (loop->alarm >= 0)
        close(loop->alarm);
    ftun_udp_batch_destroy(loop->batch);
    free(loop);
}
