#include "siphash.h"

#include "bytes.h"

struct state {
    uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static void rounds(struct state *s, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        s->v0 += s->v1;
        s->v1 = rotate(s->v1, 13) ^ s->v0;
        s->v0 = rotate(s->v0, 32);
        s->v2 += s->v3;
        s->v3 = rotate(s->v3, 16) ^ s->v2;
        s->v0 += s->v3;
        s->v3 = rotate(s->v3, 21) ^ s->v0;
        s->v2 += s->v1;
        s->v1 = rotate(s->v1, 17) ^ s->v2;
        s->v2 = rotate(s->v2, 32);
    }
}

static void absorb(struct state *s, uint64_t word)
{
    s->v3 ^= word;
    rounds(s, 2);
    s->v0 ^= word;
}

/* The last word: what is left of the data, and its length modulo 256 in the top byte. */
static uint64_t last_word(const uint8_t *rest, size_t count, size_t len)
{
    uint64_t word = (uint64_t)(len & 0xff) << 56;
    for (size_t i = 0; i < count; i++)
        word |= (uint64_t)rest[i] << (8 * i);
    return word;
}

uint64_t ftun_siphash(const struct ftun_hash_key *key, const uint8_t *data, size_t len)
{
    const uint64_t k0 = ftun_load_le64(key->bytes);
    const uint64_t k1 = ftun_load_le64(key->bytes + 8);
    struct state s = {
        .v0 = k0 ^ UINT64_C(0x736f6d6570736575), /* "somepseudorandomlygeneratedbytes" */
        .v1 = k1 ^ UINT64_C(0x646f72616e646f6d),
        .v2 = k0 ^ UINT64_C(0x6c7967656e657261),
        .v3 = k1 ^ UINT64_C(0x7465646279746573),
    };
    /*@ split len; */ /* case by case, for the prover: tests/proof */
    const size_t whole = len & ~(size_t)7;
    for (size_t off = 0; off < whole; off += 8)
        absorb(&s, ftun_load_le64(data + off));
    absorb(&s, last_word(data + whole, len - whole, len));
    s.v2 ^= 0xff;
    rounds(&s, 4);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
