#include "flow_limits.h"

#include "upstream.h"

#include <stdio.h>
#include <sys/resource.h>

/* For all but the flows' sockets: of the process, and of each worker its queue of the TUN, epoll,
 * timer, mailbox and the socket that flows share. */
enum { DESCRIPTORS_KEPT = 64, DESCRIPTORS_OF_WORKER = 6 };

/* Up to the hard limit, which is the administrator's. Returns how many flows can have a socket. */
static uint32_t raise_descriptor_limit(uint32_t wanted, uint32_t workers)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return wanted;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    const rlim_t kept = DESCRIPTORS_KEPT + (rlim_t)DESCRIPTORS_OF_WORKER * workers;
    const rlim_t flows = limit.rlim_cur > kept ? limit.rlim_cur - kept : 1;
    return flows < wanted ? (uint32_t)flows : wanted;
}

static bool find_sockets(const struct ftun_options *options,
                         const struct ftun_socket_address *upstream,
                         struct ftun_flow_limits *limits, struct ftun_error *error)
{
    const bool can_share = ftun_upstream_can_share(upstream);
    if (options->upstream_sockets == FTUN_UPSTREAM_SOCKETS_SHARED) {
        limits->sockets = 0;
        return can_share || ftun_fail(error, "--upstream-sockets shared wants a --remote in "
                                             "127.0.0.0/8: flows are addresses of there");
    }
    limits->sockets = raise_descriptor_limit(limits->flows, ftun_options_workers(options));
    if (options->upstream_sockets == FTUN_UPSTREAM_SOCKETS_EACH || !can_share)
        limits->flows = limits->sockets;
    return true;
}

static void tell_sockets(const struct ftun_options *options, const struct ftun_flow_limits *limits)
{
    if (limits->flows < options->max_flows)
        ftun_log(FTUN_LOG_WARNING,
                 "at most %u flows: the limit of open files allows no more "
                 "(raise LimitNOFILE or ulimit -Hn)",
                 limits->flows);
    else if (limits->sockets == 0)
        ftun_log(FTUN_LOG_INFO,
                 "at most %u flows, which share a UDP socket: to the service each is an address "
                 "of 127.128.0.0/10",
                 limits->flows);
    else if (limits->sockets < limits->flows)
        ftun_log(FTUN_LOG_INFO,
                 "at most %u flows: %u with a UDP socket each, as the limit of open files allows; "
                 "the others share one, and are addresses of 127.128.0.0/10 to the service",
                 limits->flows, limits->sockets);
}

/* A connection and, at a server, what its flow sends to the service take an entry each. 0: none is
 * kept. */
static unsigned long tracked_connections_max(void)
{
    unsigned long most = 0;
    FILE *file = fopen("/proc/sys/net/netfilter/nf_conntrack_max", "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%lu", &most) != 1)
        most = 0;
    fclose(file);
    return most;
}

static void tell_conntrack(const struct ftun_options *options,
                           const struct ftun_flow_limits *limits)
{
    const unsigned long most = tracked_connections_max();
    const unsigned long needed = 2ul * limits->flows;
    if (!options->touch_nothing && options->attach != FTUN_ATTACHMENT_DIVERT && most > 0 &&
        most < needed)
        ftun_log(FTUN_LOG_WARNING,
                 "%u flows take up to %lu entries of conntrack, which holds %lu "
                 "(raise net.netfilter.nf_conntrack_max)",
                 limits->flows, needed, most);
}

bool ftun_flow_limits(const struct ftun_options *options,
                      const struct ftun_socket_address *upstream, struct ftun_flow_limits *limits,
                      struct ftun_error *error)
{
    *limits = (struct ftun_flow_limits){.flows = options->max_flows};
    if (options->role == FTUN_SERVER) {
        if (!find_sockets(options, upstream, limits, error))
            return false;
        tell_sockets(options, limits);
    }
    tell_conntrack(options, limits);
    return true;
}
