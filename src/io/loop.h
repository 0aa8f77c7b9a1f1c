/* The production driver of an endpoint: a poll loop between a TUN and UDP sockets. */
#ifndef FTUN_IO_LOOP_H
#define FTUN_IO_LOOP_H

#include "attachment.h"
#include "endpoint.h"
#include "listener.h"
#include "upstream.h"

/* What the kernel did not take or give. */
struct ftun_io_counters {
    uint64_t tunnel_drops;        /* segments and super-segments that the TUN did not accept */
    uint64_t delivery_drops;      /* datagrams that a UDP socket did not accept */
    uint64_t application_refused; /* times the application's port answered "unreachable" */
    uint64_t socket_failures;     /* flows for which there was no UDP socket */
    uint64_t hand_over_drops;     /* packets for another worker, which has too many of them */
    uint64_t upstream_strangers;  /* datagrams not from the application, or for no flow */
};

/* Who wants to know. All may be NULL. */
struct ftun_observer {
    void *context;
    void (*packet)(void *context, const struct ftun_tunnel_packet *packet);
    void (*action)(void *context, const struct ftun_action *action);
    void (*no_socket)(void *context, uint32_t flow, int cause);
    /* The TUN device is gone, and the errno that said so; it has been made again. */
    void (*tunnel_lost)(void *context, const struct ftun_attachment *attachment, int cause);
    void (*tunnel_restored)(void *context, const struct ftun_attachment *attachment);
    /* The end of a turn. Returns when it wants to be called again at the latest; FTUN_NEVER. */
    uint64_t (*turn)(void *context, uint64_t now_ns);
};

/* Who runs the loop, perhaps among others that share the TUN, each in a thread of its own. */
struct ftun_loop_owner {
    void *context;
    /* A signal has come. True: close all flows and end the loop. */
    bool (*signal)(void *context, int number);
    /* Client: a connection got no answer, or was refused. */
    void (*reconnecting)(void *context);
    /* A packet belongs to another worker, and is valid during the call. False: it is dropped. */
    bool (*hand_over)(void *context, uint32_t worker, const struct ftun_tunnel_packet *packet);
    /* The TUN has been made again: the attachment has new queues for the others. May be NULL. */
    void (*tunnel_restored)(void *context);
};

/* Another descriptor that the loop waits for; `ready` is called when it is readable. */
struct ftun_watch {
    int fd;
    void *context;
    void (*ready)(void *context);
};

struct ftun_loop;

struct ftun_loop_config {
    struct ftun_endpoint *endpoint;
    enum ftun_role role;
    struct ftun_tun *tun;               /* the queue of this loop, which keeps it open */
    struct ftun_attachment *attachment; /* whose first queue `tun` is, to be made again when lost;
                                         * NULL: ftun_loop_take_tun() will bring a new queue */
    struct ftun_listener *listener;     /* client */
    struct ftun_upstream *upstream;     /* server */
    int signal_fd;                      /* a signalfd; -1 */
    uint32_t workers;                   /* as many loops close their flows at the same time */
    uint64_t busy_poll_ns;              /* stay awake for so long after the last event */
    const struct ftun_watch *watches;
    uint32_t watch_count;
    struct ftun_loop_owner owner;
    struct ftun_observer observer;
};

/* Make a loop; all that the configuration points to outlives it. NULL on error. */
struct ftun_loop *ftun_loop_create(const struct ftun_loop_config *config, struct ftun_error *error);
void ftun_loop_destroy(struct ftun_loop *loop);

/* Run until a signal ends it, all flows then closed. False when the TUN is gone and cannot be made
 * again. */
bool ftun_loop_run(struct ftun_loop *loop, struct ftun_error *error);

/* --- for what the loop watches, from its own thread --------------------------------------- */

/* Close all flows and end. */
void ftun_loop_stop(struct ftun_loop *loop);

/* A packet that another worker has read from the TUN. */
void ftun_loop_packet(struct ftun_loop *loop, const struct ftun_tunnel_packet *packet);

/* The TUN has been made again: this is the new queue, the loop's from now on. */
void ftun_loop_take_tun(struct ftun_loop *loop, const struct ftun_tun *tun);

const struct ftun_io_counters *ftun_loop_counters(const struct ftun_loop *loop);

/* The loop's clock, in ns: it goes on while the machine is suspended. */
uint64_t ftun_clock(void);

#endif
