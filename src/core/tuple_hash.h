/* Keyed hashes of addresses. */
#ifndef FTUN_CORE_TUPLE_HASH_H
#define FTUN_CORE_TUPLE_HASH_H

#include "address.h"
#include "siphash.h"

/* What a hash is for: hashes for different purposes tell nothing of each other. */
enum ftun_hash_purpose { FTUN_HASH_SEQUENCE = 1, FTUN_HASH_COOKIE, FTUN_HASH_SEED };

/* Hash of a tuple, whose addresses may be of any family, and of `number`. */
uint64_t ftun_tuple_hash(const struct ftun_hash_key *key, const struct ftun_tuple *tuple,
                         enum ftun_hash_purpose purpose, uint64_t number);

/* For tables, where a packet waits for them: of a tuple, and of one address and port. They hash as
 * few bytes as IPv4 or IPv6 addresses have, and so tell nothing of those above: the length is part
 * of a hash. */
uint64_t ftun_tuple_table_hash(const struct ftun_hash_key *key, const struct ftun_tuple *tuple);
uint64_t ftun_address_table_hash(const struct ftun_hash_key *key,
                                 const struct ftun_socket_address *address);

#endif
