#include "sockaddr.h"

socklen_t ftun_sockaddr_len(const union ftun_sockaddr *address)
{
    return address->any.sa_family == AF_INET6 ? sizeof address->in6 : sizeof address->in;
}

static struct ftun_socket_address from_in6(const struct sockaddr_in6 *in6)
{
    struct ftun_socket_address out = {.port = ntohs(in6->sin6_port)};
    if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
        out.ip.family = FTUN_IPV4;
        memcpy(out.ip.bytes, &in6->sin6_addr.s6_addr[12], 4);
    } else {
        out.ip.family = FTUN_IPV6;
        memcpy(out.ip.bytes, &in6->sin6_addr, 16);
    }
    return out;
}

struct ftun_socket_address ftun_sockaddr_to_core(const union ftun_sockaddr *address)
{
    struct ftun_socket_address out = {0};
    if (address->any.sa_family == AF_INET6)
        return from_in6(&address->in6);
    if (address->any.sa_family == AF_INET) {
        out.ip.family = FTUN_IPV4;
        memcpy(out.ip.bytes, &address->in.sin_addr, 4);
        out.port = ntohs(address->in.sin_port);
    }
    return out;
}

union ftun_sockaddr ftun_sockaddr_from_core(const struct ftun_socket_address *address)
{
    union ftun_sockaddr out;
    memset(&out, 0, sizeof out);
    if (address->ip.family == FTUN_IPV6) {
        out.in6.sin6_family = AF_INET6;
        out.in6.sin6_port = htons(address->port);
        memcpy(&out.in6.sin6_addr, address->ip.bytes, 16);
    } else {
        out.in.sin_family = AF_INET;
        out.in.sin_port = htons(address->port);
        memcpy(&out.in.sin_addr, address->ip.bytes, 4);
    }
    return out;
}
