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
