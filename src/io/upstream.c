#include "upstream.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

bool ftun_upstream_init(struct ftun_upstream *upstream, const struct ftun_socket_address *target,
                        uint32_t max_flows, struct ftun_error *error)
{
    upstream->sockets = malloc(max_flows * sizeof *upstream->sockets);
    if (upstream->sockets == NULL)
        return ftun_fail(error, "not enough memory for %u flows; lower --max-flows", max_flows);
    upstream->target = *target;
    upstream->max_flows = max_flows;
    for (uint32_t i = 0; i < max_flows; i++)
        upstream->sockets[i] = -1;
    return true;
}

void ftun_upstream_destroy(struct ftun_upstream *upstream)
{
    for (uint32_t i = 0; i < upstream->max_flows; i++)
        ftun_upstream_close(upstream, i);
    free(upstream->sockets);
    *upstream = (struct ftun_upstream){0};
}

int ftun_upstream_open(struct ftun_upstream *upstream, uint32_t flow)
{
    upstream->sockets[flow] = ftun_udp_connect(&upstream->target);
    return upstream->sockets[flow];
}

void ftun_upstream_close(struct ftun_upstream *upstream, uint32_t flow)
{
    if (upstream->sockets[flow] >= 0)
        close(upstream->sockets[flow]);
    upstream->sockets[flow] = -1;
}

size_t ftun_upstream_deliver(struct ftun_upstream *upstream, uint32_t flow, const uint8_t *data,
                             size_t len, size_t stride)
{
    const int fd = upstream->sockets[flow];
    if (fd >= 0)
        return ftun_udp_send(fd, NULL, NULL, data, len, stride);
    errno = EBADF;
    return ftun_datagram_count(len, stride);
}
