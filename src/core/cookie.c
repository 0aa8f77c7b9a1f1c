#include "cookie.h"

#include "mss.h"
#include "tuple_hash.h"

enum { SCALE_BITS = 3, SCALES = 1 << SCALE_BITS };

_Static_assert(FTUN_MSS_INDEX_BITS + SCALE_BITS == 8, "the low bits are a byte");

/* Those that implementations choose (Linux by its memory 7 to 14, ftun 10, Phantun 14), rounded
 * down: the window is then thought smaller than it is. Index 0: none named. */
static const uint8_t scales[SCALES] = {0, 0, 2, 5, 7, 8, 10, 14};

static uint8_t scale_index(const struct ftun_tcp_options *syn)
{
    if (!syn->has_window_scale)
        return 0;
    uint8_t i = 1;
    while (i + 1 < SCALES && scales[i + 1] <= syn->window_scale)
        i++;
    return i;
}

static uint32_t seal(const struct ftun_hash_key *key, uint64_t epoch,
                     const struct ftun_tuple *tuple, uint8_t low)
{
    const uint32_t high =
        (uint32_t)ftun_tuple_hash(key, tuple, FTUN_HASH_COOKIE, epoch << 8 | low) & 0xffffff00;
    const uint8_t mask = (uint8_t)(high >> 8 ^ high >> 16 ^ high >> 24);
    return high | (uint8_t)(low ^ mask);
}

static uint8_t low_bits(uint32_t cookie)
{
    return (uint8_t)(cookie ^ cookie >> 8 ^ cookie >> 16 ^ cookie >> 24);
}

uint32_t ftun_cookie_make(const struct ftun_hash_key *key, uint64_t now_ns,
                          const struct ftun_tuple *tuple, const struct ftun_tcp_options *syn)
{
    const uint8_t mss = syn->has_mss ? ftun_mss_index(syn->mss) : 0;
    const uint8_t low = (uint8_t)(mss << SCALE_BITS | scale_index(syn));
    return seal(key, now_ns / FTUN_COOKIE_EPOCH, tuple, low);
}

bool ftun_cookie_check(const struct ftun_hash_key *key, uint64_t now_ns,
                       const struct ftun_tuple *tuple, uint32_t value, struct ftun_cookie *out)
{
    const uint64_t epoch = now_ns / FTUN_COOKIE_EPOCH;
    const uint8_t low = low_bits(value);
    const bool fresh = seal(key, epoch, tuple, low) == value;
    if (!fresh && (epoch == 0 || seal(key, epoch - 1, tuple, low) != value))
        return false;
    out->mss = ftun_mss_of_index(low >> SCALE_BITS);
    out->window_scale = scales[low % SCALES];
    return true;
}
