/* Keyed hashes of addresses. */
#ifndef FTUN_CORE_TUPLE_HASH_H
#define FTUN_CORE_TUPLE_HASH_H

#include "address.h"
#include "siphash.h"

/* Hash of a tuple and of `salt`, which keeps hashes for different purposes apart. */
uint64_t ftun_tuple_hash(const struct ftun_hash_key *key, const struct ftun_tuple *tuple,
                         uint64_t salt);

/* Hash of one address and port. */
uint64_t ftun_socket_address_hash(const struct ftun_hash_key *key,
                                  const struct ftun_socket_address *address);

#endif
