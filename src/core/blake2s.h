/* BLAKE2s (RFC 7693) of a single block: a hash that cannot be inverted, for the tokens of
 * resume_token.h. */
#ifndef FTUN_CORE_BLAKE2S_H
#define FTUN_CORE_BLAKE2S_H

#include <stddef.h>
#include <stdint.h>

#define FTUN_BLAKE2S_BLOCK 64u /* bytes: RFC 7693 2.1 */
#define FTUN_BLAKE2S_MAX 32u   /* bytes of the longest hash */

/* Write a hash of `out_len` bytes, 1 to FTUN_BLAKE2S_MAX, of `len` bytes of data, at most
 * FTUN_BLAKE2S_BLOCK; without a key. Hashes of other lengths have nothing in common. */
void ftun_blake2s(const uint8_t *data, size_t len, uint8_t *out, size_t out_len);

#endif
