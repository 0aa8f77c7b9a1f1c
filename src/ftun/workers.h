/* The threads of one tunnel. Each worker has its own flows, and whatever they need: a queue of the
 * TUN, UDP sockets, endpoint, journal, loop. Nothing is shared on the packet path. */
#ifndef FTUN_FTUN_WORKERS_H
#define FTUN_FTUN_WORKERS_H

#include "flow_limits.h"
#include "network.h"
#include "options.h"

struct ftun_workers;

/* What they all are made of; all that it points to outlives them. */
struct ftun_workers_config {
    const struct ftun_options *options;
    struct ftun_attachment *attachment;
    struct ftun_network *network;
    int signal_fd; /* a signalfd */
    struct ftun_flow_limits limits;
    uint32_t count;
};

/* Make room for them, and open their UDP sides: a port in use is found out before anything else is
 * set up. NULL on error. */
struct ftun_workers *ftun_workers_create(const struct ftun_workers_config *config,
                                         struct ftun_error *error);

/* The attachment has been opened, and has as many queues as there can be workers: make the rest.
 * `endpoint` is what all have the same of an endpoint's configuration. */
bool ftun_workers_set_up(struct ftun_workers *workers, const struct ftun_endpoint_config *endpoint,
                         struct ftun_error *error);

/* Run until a signal ends it, all flows then closed; writes the totals. False when the TUN is gone
 * and cannot be made again, or when a thread cannot be begun. */
bool ftun_workers_run(struct ftun_workers *workers, struct ftun_error *error);

/* Nothing for NULL. */
void ftun_workers_destroy(struct ftun_workers *workers);

#endif
