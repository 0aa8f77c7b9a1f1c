/* The tunnel follows the network: the server's name, the routes to its addresses, the links. */
#ifndef FTUN_FTUN_NETWORK_H
#define FTUN_FTUN_NETWORK_H

#include "loop.h"
#include "monitor.h"
#include "rate_limit.h"
#include "resolver.h"

/* How packets go to one of the server's addresses. */
struct ftun_way {
    struct ftun_socket_address remote;
    struct ftun_route route;
};

struct ftun_ways {
    size_t count;
    struct ftun_way at[FTUN_REMOTES_MAX];
};

/* What the endpoints have to know of them. */
struct ftun_paths {
    size_t count;
    struct ftun_path at[FTUN_REMOTES_MAX];
};

/* Who is told what the endpoints have to know. */
struct ftun_network_audience {
    void *context;
    void (*set_paths)(void *context, const struct ftun_paths *paths); /* best first */
    void (*path_changed)(void *context, uint16_t mtu);                /* bytes */
};

struct ftun_network {
    enum ftun_role role;
    struct ftun_question question; /* the server's name; of a server the UDP service's */
    bool literal;                  /* it is an address: there is nothing to ask again */
    struct ftun_resolver resolver;
    struct ftun_monitor monitor;
    int timer; /* a timerfd */
    struct ftun_attachment *attachment;
    struct ftun_network_audience audience;
    struct ftun_remotes known;  /* what the name had when it was last resolved */
    struct ftun_remotes served; /* these, and as many as there is room for that it had before */
    struct ftun_ways ways;      /* to those of them to which there is a route */
    uint16_t mtu;               /* bytes; what the audience has been told */
    uint64_t look_at_ns;        /* when to look at links and routes; FTUN_NEVER */
    uint64_t ask_at_ns;         /* when to resolve the name again; FTUN_NEVER */
    uint64_t asked_at_ns;
    struct ftun_error told; /* the last line, so that it is not repeated */
    struct ftun_rate_limit lines;
};

/* A network that is not open. */
#define FTUN_NETWORK_CLOSED                                                      \
    {                                                                            \
        .resolver = {.fd = -1, .far_fd = -1}, .monitor = {.fd = -1}, .timer = -1 \
    }

/* Begin to listen for changes. */
bool ftun_network_open(struct ftun_network *network, enum ftun_role role,
                       const struct ftun_question *question, struct ftun_error *error);

/* Resolve the name for the first time, into `known`: tries until there is an answer, as at boot the
 * network may come later. False when there is no such name, or when a signal has come that ends
 * ftun (`signal_fd` is a signalfd): then `error` is empty. */
bool ftun_network_find(struct ftun_network *network, int signal_fd, struct ftun_error *error);

/* The endpoints have been made, and the attachment is open: look after both from now on. They
 * outlive the network. */
void ftun_network_follow(struct ftun_network *network, struct ftun_attachment *attachment,
                         const struct ftun_network_audience *audience);

enum { FTUN_NETWORK_WATCHES = 4 };

/* Is there a route to an address of this family? */
bool ftun_network_uses(const struct ftun_network *network, enum ftun_family family);

/* What the loop is to watch for the network; returns how many. */
unsigned ftun_network_watches(struct ftun_network *network,
                              struct ftun_watch watches[FTUN_NETWORK_WATCHES]);

/* A connection got no answer, or was refused: perhaps the name has another address by now. */
void ftun_network_reconnecting(void *network);

void ftun_network_close(struct ftun_network *network);

#endif
