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
 * taken it. Descriptors are watched level-triggered: what a turn leaves is there in the next. How
 * it waits: waiting.c. */
#include "loop_state.h"

#include "instant.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
    EVENTS_MAX = 64,
    TIMER_SLACK_NS = 1000 /* the default, 50 us, would double the rest */
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

bool ftun_loop_watch(struct ftun_loop *loop, int fd, enum ftun_loop_source source, uint32_t number)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uint64_t)source << 32 | number};
    return epoll_ctl(loop->waiting.epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void pass_time(struct ftun_loop *loop)
{
    while (ftun_endpoint_deadline(loop->config.endpoint) <= loop->now_ns) {
        ftun_endpoint_timeout(loop->config.endpoint, loop->now_ns, &loop->actions);
        ftun_loop_carry_out(loop, &ftun_no_burst);
    }
}

static void end_turn(struct ftun_loop *loop)
{
    bool more;
    do {
        more = ftun_endpoint_end_turn(loop->config.endpoint, loop->now_ns, &loop->actions);
        ftun_loop_carry_out(loop, &ftun_no_burst);
    } while (more);
}

static uint64_t observe_turn(struct ftun_loop *loop)
{
    const struct ftun_observer *observer = &loop->config.observer;
    return observer->turn == NULL ? FTUN_NEVER : observer->turn(observer->context, loop->now_ns);
}

/* The earliest of what anybody waits for. */
static uint64_t next_deadline(const struct ftun_loop *loop, uint64_t observer_at_ns)
{
    uint64_t at = ftun_earlier(ftun_endpoint_deadline(loop->config.endpoint), observer_at_ns);
    if (loop->stopping)
        at = ftun_earlier(at, loop->close_at_ns);
    if (ftun_loop_restores_tunnel(loop))
        at = ftun_earlier(at, loop->restore_at_ns);
    return at;
}

bool ftun_loop_run(struct ftun_loop *loop, struct ftun_error *error)
{
    struct epoll_event events[EVENTS_MAX];
    uint64_t observer_at_ns = FTUN_NEVER;
    prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS); /* of this thread */
    while (!ftun_loop_has_closed(loop)) {
        const int count = ftun_wait(&loop->waiting, next_deadline(loop, observer_at_ns),
                                    &loop->now_ns, events, EVENTS_MAX);
        loop->turn++;
        for (int i = 0; i < count; i++)
            ftun_loop_handle(loop, &events[i]);
        if (!ftun_loop_restore_tunnel(loop, error))
            return false;
        pass_time(loop);
        ftun_loop_close_some(loop);
        end_turn(loop);
        observer_at_ns = observe_turn(loop);
        ftun_wait_rest(&loop->waiting, loop->singles);
        loop->singles = 0;
    }
    return true;
}

/* --- life --------------------------------------------------------------------------------- */

static bool watch_others(struct ftun_loop *loop)
{
    for (uint32_t i = 0; i < loop->config.watch_count; i++)
        if (!ftun_loop_watch(loop, loop->config.watches[i].fd, FROM_WATCH, i))
            return false;
    return true;
}

static bool watch_applications(struct ftun_loop *loop)
{
    const struct ftun_loop_config *config = &loop->config;
    if (config->role == FTUN_CLIENT)
        return ftun_loop_watch(loop, config->listener->fd, FROM_LISTENER, 0);
    const int shared = config->upstream->shared;
    return shared < 0 || ftun_loop_watch(loop, shared, FROM_SHARED_UPSTREAM, 0);
}

static bool watch_all(struct ftun_loop *loop)
{
    const struct ftun_loop_config *config = &loop->config;
    return watch_others(loop) && ftun_loop_watch(loop, loop->waiting.alarm, FROM_ALARM, 0) &&
           ftun_loop_watch(loop, config->tun->fd, FROM_TUN, 0) &&
           (config->signal_fd < 0 || ftun_loop_watch(loop, config->signal_fd, FROM_SIGNALS, 0)) &&
           watch_applications(loop);
}

struct ftun_loop *ftun_loop_create(const struct ftun_loop_config *config, struct ftun_error *error)
{
    struct ftun_loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL) {
        ftun_fail(error, "out of memory");
        return NULL;
    }
    loop->config = *config;
    loop->waiting.busy_poll_ns = config->busy_poll_ns;
    loop->doomed = FTUN_NO_FLOW;
    loop->now_ns = ftun_clock();
    ftun_loop_begin_tunnel(loop);
    loop->batch = ftun_udp_batch_create();
    loop->waiting.epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->waiting.alarm = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (loop->batch != NULL && loop->waiting.epoll >= 0 && loop->waiting.alarm >= 0 &&
        watch_all(loop))
        return loop;
    ftun_fail(error, "cannot start the poll loop: %s", strerror(errno));
    ftun_loop_destroy(loop);
    return NULL;
}

void ftun_loop_destroy(struct ftun_loop *loop)
{
    if (loop == NULL)
        return;
    if (loop->waiting.epoll >= 0)
        close(loop->waiting.epoll);
    if (loop->waiting.alarm >= 0)
        close(loop->waiting.alarm);
    ftun_udp_batch_destroy(loop->batch);
    free(loop);
}
