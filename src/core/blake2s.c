#include "blake2s.h"

#include "bytes.h"

#include <string.h>

enum { WORDS = 8, BLOCK_WORDS = 16, ROUNDS = 10 };

/* RFC 7693 2.6: SHA-256's. */
static const uint32_t initial[WORDS] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

/* RFC 7693 2.7 */
static const uint8_t schedule[ROUNDS][BLOCK_WORDS] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

static uint32_t rotate_right(uint32_t x, unsigned bits)
{
    return x >> bits | x << (32 - bits);
}

/* RFC 7693 3.1: G. */
static inline void mix(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d, uint32_t x, uint32_t y)
{
    *a += *b + x;
    *d = rotate_right(*d ^ *a, 16);
    *c += *d;
    *b = rotate_right(*b ^ *c, 12);
    *a += *b + y;
    *d = rotate_right(*d ^ *a, 8);
    *c += *d;
    *b = rotate_right(*b ^ *c, 7);
}

/* The columns of the working vector, then its diagonals: RFC 7693 3.2. Written out, it stays in
 * registers. */
static void mix_all(uint32_t *v, const uint32_t *block, const uint8_t *at)
{
    mix(&v[0], &v[4], &v[8], &v[12], block[at[0]], block[at[1]]);
    mix(&v[1], &v[5], &v[9], &v[13], block[at[2]], block[at[3]]);
    mix(&v[2], &v[6], &v[10], &v[14], block[at[4]], block[at[5]]);
    mix(&v[3], &v[7], &v[11], &v[15], block[at[6]], block[at[7]]);
    mix(&v[0], &v[5], &v[10], &v[15], block[at[8]], block[at[9]]);
    mix(&v[1], &v[6], &v[11], &v[12], block[at[10]], block[at[11]]);
    mix(&v[2], &v[7], &v[8], &v[13], block[at[12]], block[at[13]]);
    mix(&v[3], &v[4], &v[9], &v[14], block[at[14]], block[at[15]]);
}

/* RFC 7693 3.2: F, of the first block, which is the last one too. */
static void compress(uint32_t *h, const uint32_t *block, size_t len)
{
    uint32_t v[2 * WORDS];
    for (unsigned i = 0; i < WORDS; i++) {
        v[i] = h[i];
        v[WORDS + i] = initial[i];
    }
    v[12] ^= (uint32_t)len;
    v[14] = ~v[14];
    for (unsigned round = 0; round < ROUNDS; round++)
        mix_all(v, block, schedule[round]);
    for (unsigned i = 0; i < WORDS; i++)
        h[i] ^= v[i] ^ v[WORDS + i];
}

void ftun_blake2s(const uint8_t *data, size_t len, uint8_t *out, size_t out_len)
{
    uint8_t bytes[FTUN_BLAKE2S_BLOCK] = {0};
    uint32_t block[BLOCK_WORDS];
    uint32_t h[WORDS];
    memcpy(bytes, data, len);
    for (unsigned i = 0; i < BLOCK_WORDS; i++)
        block[i] = ftun_load_le32(bytes + (size_t)4 * i);
    memcpy(h, initial, sizeof h);
    h[0] ^= UINT32_C(0x01010000) ^ (uint32_t)out_len; /* RFC 7693 2.5: fanout and depth 1 */
    compress(h, block, len);
    for (size_t i = 0; i < out_len; i++)
        out[i] = (uint8_t)(h[i / 4] >> (8 * (i % 4)));
}
