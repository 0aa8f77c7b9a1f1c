/* Addresses and the 4-tuple of a connection. Address bytes are in network order, ports in host
 * order. */
#ifndef FTUN_CORE_ADDRESS_H
#define FTUN_CORE_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum ftun_family { FTUN_FAMILY_NONE = 0, FTUN_IPV4 = 4, FTUN_IPV6 = 6 };

/* IPv4 uses the first four bytes, the rest are zero. */
struct ftun_address {
    uint8_t bytes[16];
    uint8_t family; /* enum ftun_family */
};

struct ftun_socket_address {
    struct ftun_address ip;
    uint16_t port;
};

/* As seen from this end. */
struct ftun_tuple {
    struct ftun_socket_address local;
    struct ftun_socket_address remote;
};

static inline bool ftun_address_equal(const struct ftun_address *a, const struct ftun_address *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* RFC 1122 3.2.1.3, RFC 4291 2.5.2 and 2.7: what is unspecified, multicast or broadcast is nobody's
 * address; an answer to it would reach everybody. */
static inline bool ftun_address_is_host(const struct ftun_address *address)
{
    static const uint8_t unspecified[16] = {0};
    static const uint8_t broadcast[4] = {0xff, 0xff, 0xff, 0xff};
    const uint8_t *const bytes = address->bytes;
    if (memcmp(bytes, unspecified, sizeof unspecified) == 0)
        return false;
    if (address->family == FTUN_IPV6)
        return bytes[0] != 0xff;
    return (bytes[0] & 0xf0) != 0xe0 && memcmp(bytes, broadcast, sizeof broadcast) != 0;
}

/* RFC 4291 2.5.6: addresses that mean something on one link only; without it nothing can be sent
 * there. Those of IPv4 (RFC 3927) have a route like any other. */
static inline bool ftun_address_is_link_local6(const struct ftun_address *address)
{
    return address->family == FTUN_IPV6 && address->bytes[0] == 0xfe &&
           (address->bytes[1] & 0xc0) == 0x80;
}

static inline bool ftun_socket_address_equal(const struct ftun_socket_address *a,
                                             const struct ftun_socket_address *b)
{
    return a->port == b->port && ftun_address_equal(&a->ip, &b->ip);
}

static inline bool ftun_tuple_equal(const struct ftun_tuple *a, const struct ftun_tuple *b)
{
    return ftun_socket_address_equal(&a->local, &b->local) &&
           ftun_socket_address_equal(&a->remote, &b->remote);
}

#endif
