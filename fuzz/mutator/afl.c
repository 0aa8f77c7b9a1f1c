/* AFL++'s half: a library that afl-fuzz loads (AFL_CUSTOM_MUTATOR_LIBRARY). AFL++ offers a custom
 * mutator no changes of bytes, so they are made here: the common ones. Its own go on beside. */
#include "fuzz_input.h"
#include "mutate.h"

void *afl_custom_init(void *afl, unsigned seed);
void afl_custom_deinit(void *state);
size_t afl_custom_fuzz(void *state, uint8_t *data, size_t len, uint8_t **out, uint8_t *other,
                       size_t other_len, size_t max);

struct state {
    struct fuzz_random random;
    uint8_t *out;
    size_t room; /* bytes at `out` */
};

void *afl_custom_init(void *afl, unsigned seed)
{
    (void)afl;
    struct state *state = fuzz_allocate(sizeof *state);
    *state = (struct state){.random.state = seed | 1};
    return state;
}

void afl_custom_deinit(void *opaque)
{
    struct state *state = opaque;
    free(state->out);
    free(state);
}

/* --- changes of bytes ---------------------------------------------------------------------- */

static size_t flip_bit(uint8_t *data, size_t len, struct fuzz_random *random)
{
    data[fuzz_random(random, (uint32_t)len)] ^= (uint8_t)(1u << fuzz_random(random, 8));
    return len;
}

static size_t set_byte(uint8_t *data, size_t len, struct fuzz_random *random)
{
    data[fuzz_random(random, (uint32_t)len)] = (uint8_t)fuzz_random(random, 256);
    return len;
}

/* To a value at an edge, or near the old one. */
static size_t set_word(uint8_t *data, size_t len, struct fuzz_random *random)
{
    static const uint16_t edges[] = {0, 1, 7, 8, 20, 40, 60, 0x7fff, 0x8000, 0xfff8, 0xffff};
    if (len < 2)
        return len;
    uint8_t *const at = data + fuzz_random(random, (uint32_t)len - 1);
    uint16_t value = edges[fuzz_random(random, sizeof edges / sizeof edges[0])];
    if (fuzz_random(random, 2) == 0)
        value = (uint16_t)((at[0] << 8 | at[1]) + (int)fuzz_random(random, 33) - 16);
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
    return len;
}

static size_t remove_bytes(uint8_t *data, size_t len, struct fuzz_random *random)
{
    const size_t start = fuzz_random(random, (uint32_t)len);
    const size_t count = 1 + fuzz_random(random, (uint32_t)(len - start));
    memmove(data + start, data + start + count, len - start - count);
    return len - count;
}

/* A stretch of the same bytes again, or of one value. */
static size_t insert_bytes(uint8_t *data, size_t len, size_t max, struct fuzz_random *random)
{
    const size_t count = 1 + fuzz_random(random, 16);
    const size_t at = fuzz_random(random, (uint32_t)len + 1);
    if (len + count > max)
        return len;
    memmove(data + at + count, data + at, len - at);
    if (at >= count && fuzz_random(random, 2) == 0)
        memcpy(data + at, data + at - count, count);
    else
        memset(data + at, (int)fuzz_random(random, 256), count);
    return len + count;
}

static size_t change(uint8_t *data, size_t len, size_t max, struct fuzz_random *random)
{
    if (len == 0)
        return insert_bytes(data, len, max, random);
    switch (fuzz_random(random, 8)) {
    case 0:
    case 1:
        return flip_bit(data, len, random);
    case 2:
    case 3:
        return set_byte(data, len, random);
    case 4:
    case 5:
        return set_word(data, len, random);
    case 6:
        return remove_bytes(data, len, random);
    default:
        return insert_bytes(data, len, max, random);
    }
}

size_t fuzz_mutate_bytes(uint8_t *data, size_t len, size_t max, struct fuzz_random *random)
{
    const uint32_t times = 1u << fuzz_random(random, 4);
    for (uint32_t i = 0; i < times; i++)
        len = change(data, len, max, random);
    return len;
}

/* --- AFL++'s call -------------------------------------------------------------------------- */

size_t afl_custom_fuzz(void *opaque, uint8_t *data, size_t len, uint8_t **out, uint8_t *other,
                       size_t other_len, size_t max)
{
    (void)other;
    (void)other_len;
    struct state *state = opaque;
    if (state->room < max) {
        free(state->out);
        state->out = fuzz_allocate(max);
        state->room = max;
    }
    memcpy(state->out, data, len < max ? len : max);
    *out = state->out;
    return fuzz_mutate(state->out, len < max ? len : max, max, &state->random);
}
