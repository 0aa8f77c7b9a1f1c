/* All flows are closed before the loop ends: evenly, and no faster than peers answer. */
#include "loop_state.h"

/* How long shutdown takes when peers do not answer; longer where they, or this machine, are too
 * slow for so many FINs. */
static const uint64_t closing_time = FTUN_SECOND * 95 / 100;

/* Within this time the FINs leave, evenly, if the peers answer them. */
static const uint64_t fin_time = FTUN_SECOND / 2;

/* A peer has a queue of 1000 packets for FINs and for the data of other clients, and drops either
 * when it is full: no more FINs than this wait for an answer, each of which is acknowledged. Each
 * worker has its share of them. */
static const uint64_t fins_unanswered = 250;

/* When no peer has answered for so long, the rest leave all the same, and nobody is waited for any
 * more. */
static const uint64_t patience_with_peers = FTUN_SECOND * 4 / 10;

/* Between some FINs and the next. */
static const uint64_t close_interval = FTUN_SECOND / 500;

uint64_t ftun_loop_open_flows(const struct ftun_loop *loop)
{
    const struct ftun_counters *counters = ftun_endpoint_counters(loop->config.endpoint);
    return counters->flows_opened - counters->flows_closed;
}

void ftun_loop_stop(struct ftun_loop *loop)
{
    if (loop->stopping)
        return;
    loop->stopping = true;
    loop->stopping_since_ns = loop->now_ns;
    loop->answered_at_ns = loop->now_ns;
    loop->to_close = ftun_loop_open_flows(loop);
    if (loop->config.role == FTUN_CLIENT) /* what applications send now would open new flows */
        epoll_ctl(loop->waiting.epoll, EPOLL_CTL_DEL, loop->config.listener->fd, NULL);
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
    const uint64_t share = (fins_unanswered + loop->config.workers - 1) / loop->config.workers;
    const uint64_t room = unanswered < share ? share - unanswered : 0;
    return room < each_time ? room : each_time;
}

void ftun_loop_close_some(struct ftun_loop *loop)
{
    if (!loop->stopping || loop->now_ns < loop->close_at_ns)
        return;
    loop->close_at_ns = loop->now_ns + close_interval;
    const uint64_t open = ftun_loop_open_flows(loop);
    const uint64_t closing = ftun_endpoint_closing_count(loop->config.endpoint);
    const uint64_t most = flows_to_close(loop, closing > open ? closing - open : 0);
    loop->closed = closing == 0;
    count_answers(loop, closing);
    bool more = closing > 0; /* a connection of which no flow is known yet counts, too */
    while (more && ftun_loop_open_flows(loop) + most > open) {
        more = ftun_endpoint_close_all(loop->config.endpoint, loop->now_ns, &loop->actions);
        ftun_loop_carry_out(loop, &ftun_no_burst);
    }
}

bool ftun_loop_has_closed(const struct ftun_loop *loop)
{
    return loop->stopping &&
           (loop->closed || (ftun_loop_open_flows(loop) == 0 && !peers_answer(loop) &&
                             loop->now_ns >= loop->stopping_since_ns + closing_time));
}
