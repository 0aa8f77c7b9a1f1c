/* SipHash-2-4 (Aumasson and Bernstein, 2012), 64-bit output: the keyed hash of the flow table,
 * SYN cookies, initial sequence numbers and port choice. */
#ifndef FTUN_CORE_SIPHASH_H
#define FTUN_CORE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct ftun_hash_key {
    uint8_t bytes[16];
};

/* Hash of `len` bytes under `key`. */
uint64_t ftun_siphash(const struct ftun_hash_key *key, const uint8_t *data, size_t len);

#endif
