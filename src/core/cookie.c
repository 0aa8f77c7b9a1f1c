#include "cookie.h"

#include "tuple_hash.h"

enum { NO_WINDOW_SCALE = 15, MSS_COUNT = 16 };

/* What paths really have: plain Ethernet, PPPoE, tunnels, IPv6, jumbo frames. Rounded down, so that
 * a segment never exceeds what the client announced. Index 0: it announced nothing. */
static const uint16_t mss_table[MSS_COUNT] = {0,    536,  1220, 1280, 1300, 1320, 1340, 1360,
                                              1380, 1400, 1412, 1420, 1440, 1452, 1460, 8940};

static uint8_t mss_index(const struct ftun_tcp_options *syn)
{
    if (!syn->has_mss)
        return 0;
    uint8_t i = 1;
    while (i + 1 < MSS_COUNT && mss_table[i + 1] <= syn->mss)
        i++;
    return i;
}

static uint32_t seal(const struct ftun_hash_key *key, uint64_t epoch,
                     const struct ftun_tuple *tuple, uint8_t low)
{
    const uint32_t high = (uint32_t)ftun_tuple_hash(key, tuple, epoch << 8 | low) & 0xffffff00;
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
    const uint8_t scale = syn->has_window_scale ? syn->window_scale : NO_WINDOW_SCALE;
    const uint8_t low = (uint8_t)(mss_index(syn) << 4 | scale);
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
    out->mss = mss_table[low >> 4];
    out->has_window_scale = (low & 0x0f) != NO_WINDOW_SCALE;
    out->window_scale = out->has_window_scale ? low & 0x0f : 0;
    return true;
}
