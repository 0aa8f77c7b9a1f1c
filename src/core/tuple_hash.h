/* Keyed hashes of addresses. */
#ifndef FTUN_CORE_TUPLE_HASH_H
#define FTUN_CORE_TUPLE_HASH_H

#include "address.h"
#include "siphash.h"

/* What a hash is for: hashes for different purposes tell nothing of each other. */
enum ftun_hash_purpose { FTUN_HASH_TABLE, FTUN_HASH_SEQUENCE, FTUN_HASH_COOKIE, FTUN_HASH_SEED };

/* Hash of a tuple and of `number`. */
uint64_t ftun_tuple_hash(const struct ftun_hash_key *key, const struct ftun_tuple *tuple,
                         enum ftun_hash_purpose purpose, uint64_t number);

/* Hash of one address and port. */
uint64_t ftun_socket_address_hash(const struct ftun_hash_key *key,
                                  const struct ftun_socket_address *address);

#endif
