#include "listener.h"

#include <stdlib.h>
#include <unistd.h>

struct ftun_listener_peer {
    union ftun_sockaddr address;
    struct ftun_udp_local local;
};

bool ftun_listener_open(struct ftun_listener *listener, const struct ftun_listener *beside,
                        const struct ftun_socket_address *address, uint32_t max_flows,
                        struct ftun_error *error)
{
    listener->peers = calloc(max_flows, sizeof *listener->peers);
    if (listener->peers == NULL)
        return ftun_fail(error, "not enough memory for %u flows; lower --max-flows", max_flows);
    listener->fd = beside == NULL ? ftun_udp_listen(address, error)
                                  : ftun_udp_listen_beside(beside->fd, address, error);
    if (listener->fd >= 0)
        return true;
    ftun_listener_close(listener);
    return false;
}

void ftun_listener_close(struct ftun_listener *listener)
{
    if (listener->fd >= 0)
        close(listener->fd);
    free(listener->peers);
    *listener = (struct ftun_listener){.fd = -1};
}

void ftun_listener_learn(struct ftun_listener *listener, uint32_t flow,
                         const struct ftun_udp_message *message)
{
    listener->peers[flow].address = *message->reply_to;
    listener->peers[flow].local = message->local;
}

struct ftun_socket_address ftun_listener_peer(const struct ftun_listener *listener, uint32_t flow)
{
    return ftun_sockaddr_to_core(&listener->peers[flow].address);
}

size_t ftun_listener_deliver(struct ftun_listener *listener, uint32_t flow, const uint8_t *data,
                             size_t len, size_t stride)
{
    const struct ftun_listener_peer *peer = &listener->peers[flow];
    return ftun_udp_send(listener->fd, &peer->address, &peer->local, data, len, stride);
}
