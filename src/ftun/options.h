/* The command line of `ftun client`, `ftun server` and `ftun rules`. */
#ifndef FTUN_FTUN_OPTIONS_H
#define FTUN_FTUN_OPTIONS_H

#include "attachment.h"
#include "endpoint.h"
#include "log.h"
#include "resolver.h"

/* Exit codes of all commands. */
enum ftun_exit {
    FTUN_EXIT_OK = 0,
    FTUN_EXIT_FAILED = 1, /* the outside world did not do as asked */
    FTUN_EXIT_USAGE = 2   /* the command line cannot be understood */
};

/* Whether a server's flows have UDP sockets of their own. */
enum ftun_upstream_sockets {
    FTUN_UPSTREAM_SOCKETS_AUTO, /* while there are descriptors; they share one from then on */
    FTUN_UPSTREAM_SOCKETS_EACH,
    FTUN_UPSTREAM_SOCKETS_SHARED
};

struct ftun_options {
    enum ftun_role role;
    bool help;
    struct ftun_socket_address local; /* client: UDP; server: TCP, the port alone counts */
    struct ftun_question remote;      /* the server; of a server the UDP service */
    const char *tun;                  /* NULL: the next free */
    struct ftun_tun_addresses tun4, tun6;
    enum ftun_family only, prefer; /* NONE: both; whichever the resolver prefers */
    bool touch_nothing;            /* --setup=none */
    enum ftun_attachment_kind attach;
    struct ftun_attachment_choices choices;
    bool offload;
    uint64_t busy_poll_ns;
    enum ftun_peer peer;
    bool timestamps;
    enum ftun_log_level log_level;
    struct ftun_timeouts timeouts;
    uint32_t max_flows;
    bool max_flows_given;
    uint32_t max_flows_per_source; /* 0: no limit */
    enum ftun_upstream_sockets upstream_sockets;
    uint32_t workers;             /* 0: as many as there are processors for this process */
    const char *handshake_packet; /* path; NULL: none */
};

/* Read the options in argv[1] and on; argv[0] names the command for messages. False with one line
 * in `error` when they cannot be understood. Host names are not resolved here. */
bool ftun_options_parse(int argc, char **argv, enum ftun_role role, struct ftun_options *options,
                        struct ftun_error *error);

/* How many workers there are to be; auto: one for each processor that this process may use. */
uint32_t ftun_options_workers(const struct ftun_options *options);

/* The plan of an attachment for these options, and the addresses that options->remote has now. */
struct ftun_attachment_plan ftun_options_plan(const struct ftun_options *options,
                                              const struct ftun_remotes *remotes);

#endif
