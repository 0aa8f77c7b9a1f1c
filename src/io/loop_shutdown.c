/* All flows are closed before the loop ends: evenly, and no faster than peers answer. */
#include "loop_state.h"

/* By then all FINs have left, and shutdown is over if peers do not answer. */
static const uint64_t closing_time = FTUN_SECOND * 95 / 100;

/* Within this time the FINs leave, evenly, if the peers answer them; the rest leaves until
 * closing_time all the same. */
static const uint64_t fin_time = FTUN_SECOND / 2;

/* A peer has a queue of 1000 packets for FINs and for the data of other clients, and drops either
 * when it is full: no more FINs than this wait for an answer, each of which is acknowledged. Each
 * worker has its share of them. */
static const uint64_t fins_unanswered = 250;

/* When no peer has answered for so long, the rest leave all the same, and nobody is waited for any
 * more. */
static const uint64_t patience_with_peers = FTUN_SECOND * 4 / 10;

/* Nobody is waited for any longer, even if some peer answers all the time: FINs that were lost have
 * left once more by then. */
static const uint64_t longest_time = 2 * FTUN_SECOND;

/* Between some FINs and the next. */
static const uint64_t close_interval = FTUN_SECOND / 500;

void ftun_loop_stop(struct ftun_loop *loop)
{
    if (loop->stopping)
        return;
    loop->stopping = true;
    loop->stopping_since_ns = loop->now_ns;
    loop->answered_at_ns = loop->now_ns;
    loop->to_close = ftun_endpoint_open_count(loop->config.endpoint);
    if (loop->config.role == FTUN_SERVER)
        return;
    ftun_lanes_close(&loop->config.listener->lanes); /* what applications send now would open */
    epoll_ctl(loop->waiting.epoll, EPOLL_CTL_DEL, loop->config.listener->fd, NULL); /* new flows */
}

static uint64_t stopping_for(const struct ftun_loop *loop)
{
    return loop->now_ns - loop->stopping_since_ns;
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

/* So many that all have left in time. */
static uint64_t evenly(const struct ftun_loop *loop, uint64_t open)
{
    const uint64_t now = stopping_for(loop);
    return now < closing_time ? open * close_interval / (closing_time - now) + 1 : open;
}

/* How many of the open flows to close now. */
static uint64_t flows_to_close(const struct ftun_loop *loop, uint64_t open, uint64_t unanswered)
{
    const uint64_t each_time = loop->to_close * close_interval / fin_time + 1;
    if (stopping_for(loop) >= fin_time)
        return evenly(loop, open);
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
    struct ftun_endpoint *endpoint = loop->config.endpoint;
    loop->close_at_ns = loop->now_ns + close_interval;
    const uint64_t open = ftun_endpoint_open_count(endpoint);
    const uint64_t closing = ftun_endpoint_closing_count(endpoint);
    const uint64_t most = flows_to_close(loop, open, closing > open ? closing - open : 0);
    loop->closed = closing == 0 && open == 0; /* an open flow may wait for its next connection */
    count_answers(loop, closing);
    bool more = open > 0;
    while (more && ftun_endpoint_open_count(endpoint) + most > open) {
        more = ftun_endpoint_close_all(endpoint, loop->now_ns, &loop->actions);
        ftun_loop_carry_out(loop, &ftun_no_burst);
    }
}

bool ftun_loop_has_closed(const struct ftun_loop *loop)
{
    if (!loop->stopping || loop->closed)
        return loop->stopping;
    return ftun_endpoint_open_count(loop->config.endpoint) == 0 &&
           stopping_for(loop) >= (peers_answer(loop) ? longest_time : closing_time);
}
