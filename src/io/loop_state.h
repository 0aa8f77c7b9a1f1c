/* Inside of a loop, shared by the loop*.c files and by nobody else. */
#ifndef FTUN_IO_LOOP_STATE_H
#define FTUN_IO_LOOP_STATE_H

#include "loop.h"
#include "tun.h"
#include "waiting.h"

enum ftun_loop_source {
    FROM_TUN,
    FROM_LISTENER,
    FROM_LANE,
    FROM_UPSTREAM,
    FROM_SHARED_UPSTREAM,
    FROM_SIGNALS,
    FROM_ALARM,
    FROM_WATCH
};

struct ftun_loop {
    struct ftun_loop_config config;
    struct ftun_io_counters counters;
    struct ftun_waiting waiting;
    bool stopping;
    bool closed;               /* when stopping: nothing waits for a peer any more */
    uint64_t turn;             /* counts them */
    uint64_t tunnel_left_turn; /* the last that has not read all that the TUN had */
    uint64_t now_ns;
    uint64_t stopping_since_ns;
    uint64_t close_at_ns;    /* not before, when stopping: the next FINs */
    uint64_t to_close;       /* flows that were open when stopping began */
    uint64_t to_wait_for;    /* connections that wait for their peers, when last counted */
    uint64_t answered_at_ns; /* when that became fewer */
    uint64_t restore_at_ns;  /* not before, when the TUN is gone */
    int restore_tries;
    uint64_t tunnel_dropped; /* by the kernel, when last looked at */
    uint64_t looked_at_ns;   /* when that was */
    size_t singles;  /* datagrams that one call has brought one by one, the most in this turn */
    uint32_t doomed; /* a flow that has no socket, to be closed once its actions are done */
    struct ftun_udp_batch *batch;
    struct ftun_actions actions;
    uint8_t packet[FTUN_TUN_BUFFER];
};

/* Wait for `fd`, too; `number` says which of that source: the flow, the lane, or the place among
 * the configuration's watches. */
bool ftun_loop_watch(struct ftun_loop *loop, int fd, enum ftun_loop_source source, uint32_t number);

/* Take what a descriptor has, a bounded amount: loop_inputs.c. */
void ftun_loop_handle(struct ftun_loop *loop, const struct epoll_event *event);

/* What stands for the input where that is no burst. */
extern const struct ftun_burst ftun_no_burst;

/* Carry out the loop's actions; `burst` is the input that they came from: loop_actions.c. */
void ftun_loop_carry_out(struct ftun_loop *loop, const struct ftun_burst *burst);

/* --- the TUN's loss: loop_tunnel.c -------------------------------------------------------- */

bool ftun_loop_tunnel_is_lost(const struct ftun_loop *loop);

/* The TUN is gone and it is this loop that makes it again. */
bool ftun_loop_restores_tunnel(const struct ftun_loop *loop);

/* Closing the descriptor ends its being watched; what is written from now on is dropped. */
void ftun_loop_lose_tunnel(struct ftun_loop *loop, int cause);

/* If the TUN is gone and it is time. False when it is not worth another try. */
bool ftun_loop_restore_tunnel(struct ftun_loop *loop, struct ftun_error *error);

/* What the TUN has dropped by now is not counted: somebody else may have had it before. */
void ftun_loop_begin_tunnel(struct ftun_loop *loop);

/* Count what the TUN's queues had no room for; of the loop that restores it. It asks the kernel, so
 * at most once a second if not `now`. */
void ftun_loop_look_at_tunnel(struct ftun_loop *loop, bool now);

/* --- the end: loop_shutdown.c ------------------------------------------------------------- */

/* When stopping, again and again: handshakes under way may still complete. */
void ftun_loop_close_some(struct ftun_loop *loop);

/* All is closed, or there is no more time for it. */
bool ftun_loop_has_closed(const struct ftun_loop *loop);

#endif
