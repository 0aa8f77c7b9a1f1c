/* Addresses as keys of the maps that the divert programs read. */
#ifndef FTUN_IO_DIVERT_KEYS_H
#define FTUN_IO_DIVERT_KEYS_H

#include "address.h"
#include "divert_shared.h"

static inline struct divert_address ftun_divert_address(const struct ftun_address *address)
{
    struct divert_address key = {.family = address->family};
    _Static_assert(sizeof key.words == sizeof address->bytes, "the same bytes");
    memcpy(key.words, address->bytes, sizeof key.words);
    return key;
}

static inline struct divert_socket_address
ftun_divert_socket_address(const struct ftun_socket_address *address)
{
    return (struct divert_socket_address){.ip = ftun_divert_address(&address->ip),
                                          .port = address->port};
}

#endif
