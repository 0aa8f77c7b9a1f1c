#include "upstream.h"

#include "limits.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    SHARED_NET = 0x7f800000, /* 127.128.0.0: far from the addresses that hosts give to services */
    SHARED_BITS = 22         /* ... /10 */
};

_Static_assert(FTUN_UPSTREAM_FLOWS_MAX == UINT32_C(1) << SHARED_BITS, "each flow has an address");

bool ftun_upstream_can_share(const struct ftun_socket_address *target)
{
    return target->ip.family == FTUN_IPV4 && target->ip.bytes[0] == IN_LOOPBACKNET;
}

/* --- addresses ---------------------------------------------------------------------------- */

/* A number comes again as soon as its flow has ended, when the application may still be sending to
 * that one: the next life of a number has another address, while there are any. */
static uint32_t address_of(const struct ftun_upstream *upstream, uint32_t flow)
{
    const uint32_t life = (uint32_t)upstream->lives[flow] << upstream->flow_bits;
    return SHARED_NET | (life & (FTUN_UPSTREAM_FLOWS_MAX - 1)) | flow;
}

/* The flow of a datagram to the shared socket; FTUN_NO_FLOW. */
static uint32_t flow_of(const struct ftun_upstream *upstream,
                        const struct ftun_udp_message *message)
{
    if (message->local.family != FTUN_IPV4 ||
        !ftun_socket_address_equal(&message->source, &upstream->target))
        return FTUN_NO_FLOW;
    const uint32_t address = ntohl(message->local.in.ipi_addr.s_addr);
    const uint32_t flow = address & ((UINT32_C(1) << upstream->flow_bits) - 1);
    const bool known = flow < upstream->max_flows &&
                       upstream->sockets[flow] == FTUN_SHARED_SOCKET &&
                       address == address_of(upstream, flow);
    return known ? flow : FTUN_NO_FLOW;
}

/* --- life --------------------------------------------------------------------------------- */

static bool share(struct ftun_upstream *upstream, struct ftun_error *error)
{
    while (UINT32_C(1) << upstream->flow_bits < upstream->max_flows)
        upstream->flow_bits++;
    upstream->lives = calloc(upstream->max_flows, sizeof *upstream->lives);
    if (upstream->lives == NULL)
        return ftun_fail(error, "not enough memory for %u flows; lower --max-flows",
                         upstream->max_flows);
    upstream->shared = ftun_udp_open_loopback(error);
    return upstream->shared >= 0;
}

bool ftun_upstream_init(struct ftun_upstream *upstream, const struct ftun_socket_address *target,
                        uint32_t max_flows, uint32_t own_sockets, struct ftun_error *error)
{
    *upstream = (struct ftun_upstream){
        .target = *target,
        .target_sockaddr = ftun_sockaddr_from_core(target),
        .sockets = malloc(max_flows * sizeof *upstream->sockets),
        .dropped = calloc(max_flows, sizeof *upstream->dropped),
        .sockets_left = own_sockets,
        .shared = FTUN_NO_SOCKET,
    };
    if (upstream->sockets == NULL || upstream->dropped == NULL)
        return ftun_fail(error, "not enough memory for %u flows; lower --max-flows", max_flows);
    upstream->max_flows = max_flows;
    for (uint32_t i = 0; i < max_flows; i++)
        upstream->sockets[i] = FTUN_NO_SOCKET;
    return own_sockets >= max_flows || share(upstream, error);
}

void ftun_upstream_destroy(struct ftun_upstream *upstream)
{
    for (uint32_t i = 0; i < upstream->max_flows; i++)
        ftun_upstream_close(upstream, i);
    if (upstream->lives != NULL && upstream->shared >= 0)
        close(upstream->shared);
    free(upstream->sockets);
    free(upstream->dropped);
    free(upstream->lives);
    *upstream = (struct ftun_upstream){.shared = FTUN_NO_SOCKET};
}

int ftun_upstream_open(struct ftun_upstream *upstream, uint32_t flow)
{
    const int fd = upstream->sockets_left > 0 ? ftun_udp_connect(&upstream->target) : -1;
    upstream->sockets[flow] = fd;
    if (fd >= 0)
        upstream->sockets_left--;
    else if (upstream->shared >= 0)
        upstream->sockets[flow] = FTUN_SHARED_SOCKET;
    return upstream->sockets[flow];
}

void ftun_upstream_close(struct ftun_upstream *upstream, uint32_t flow)
{
    if (upstream->sockets[flow] == FTUN_SHARED_SOCKET)
        upstream->lives[flow]++;
    else if (upstream->sockets[flow] != FTUN_NO_SOCKET) {
        close(upstream->sockets[flow]);
        upstream->sockets_left++;
        if (upstream->dropped[flow] > 0) /* memory that nobody writes to is not used */
            upstream->dropped[flow] = 0;
    }
    upstream->sockets[flow] = FTUN_NO_SOCKET;
}

/* --- datagrams ---------------------------------------------------------------------------- */

/* After a call; `filled`: a buffer that was full has more than one takes. */
static void count_overflow(struct ftun_upstream *upstream, int fd, bool filled, uint32_t *dropped)
{
    struct ftun_udp_buffer buffer;
    if (!filled || !ftun_udp_look(fd, &buffer) || buffer.dropped == *dropped)
        return;
    upstream->overflow += (uint32_t)(buffer.dropped - *dropped);
    *dropped = buffer.dropped;
}

int ftun_upstream_receive(struct ftun_upstream *upstream, uint32_t flow,
                          struct ftun_udp_batch *batch)
{
    if (upstream->sockets[flow] < 0)
        return 0;
    const int fd = upstream->sockets[flow];
    const int count = ftun_udp_receive(fd, batch, false);
    count_overflow(upstream, fd, ftun_udp_filled(batch, count), &upstream->dropped[flow]);
    for (int i = 0; i < count; i++)
        ftun_udp_assign(batch, (size_t)i, flow);
    return count;
}

int ftun_upstream_receive_shared(struct ftun_upstream *upstream, struct ftun_udp_batch *batch,
                                 ftun_udp_taken *strangers)
{
    *strangers = 0;
    const int count = ftun_udp_receive(upstream->shared, batch, true);
    count_overflow(upstream, upstream->shared, ftun_udp_filled(batch, count),
                   &upstream->shared_dropped);
    for (int i = 0; i < count; i++) {
        const uint32_t flow = flow_of(upstream, ftun_udp_message(batch, (size_t)i));
        ftun_udp_assign(batch, (size_t)i, flow);
        if (flow == FTUN_NO_FLOW)
            *strangers |= UINT64_C(1) << i;
    }
    return count;
}

static size_t deliver_shared(const struct ftun_upstream *upstream, uint32_t flow,
                             const uint8_t *data, size_t len, size_t stride)
{
    const struct ftun_udp_local from = {
        .family = FTUN_IPV4,
        .in.ipi_spec_dst.s_addr = htonl(address_of(upstream, flow)),
    };
    return ftun_udp_send(upstream->shared, &upstream->target_sockaddr, &from, data, len, stride);
}

size_t ftun_upstream_deliver(struct ftun_upstream *upstream, uint32_t flow, const uint8_t *data,
                             size_t len, size_t stride)
{
    const int fd = upstream->sockets[flow];
    if (fd == FTUN_SHARED_SOCKET)
        return deliver_shared(upstream, flow, data, len, stride);
    if (fd != FTUN_NO_SOCKET)
        return ftun_udp_send(fd, NULL, NULL, data, len, stride);
    errno = EBADF;
    return ftun_datagram_count(len, stride);
}
