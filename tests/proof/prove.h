/* What the harnesses share: bytes and numbers of any value, and blocks that end where they end. */
#ifndef FTUN_PROVE_H
#define FTUN_PROVE_H

#include "__fc_builtin.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROVE_PACKET_MAX 65535u

static inline uint8_t any_u8(void)
{
    return Frama_C_unsigned_char_interval(0, UINT8_MAX);
}

static inline uint16_t any_u16(void)
{
    return Frama_C_unsigned_short_interval(0, UINT16_MAX);
}

static inline uint32_t any_u32(void)
{
    return Frama_C_unsigned_int_interval(0, UINT32_MAX);
}

static inline uint64_t any_u64(void)
{
    return Frama_C_unsigned_long_interval(0, UINT64_MAX);
}

static inline bool any_bool(void)
{
    return Frama_C_interval(0, 1) != 0;
}

static inline size_t any_size(size_t min, size_t max)
{
    return Frama_C_size_t_interval(min, max);
}

/* `len` bytes of any value. */
static inline void any_bytes(void *out, size_t len)
{
    if (len > 0)
        Frama_C_make_unknown((char *)out, len);
}

/* The last `len` bytes of `block` (`size` bytes, never written before), with any value: a step
 * beyond them leaves the block, a step before them reads what was never written. */
static inline uint8_t *any_bytes_at_end(uint8_t *block, size_t size, size_t len)
{
    any_bytes(block + (size - len), len);
    return block + (size - len);
}

/* Makes the first bytes of `packet` those of an IPv4 packet. */
static inline void make_ipv4(uint8_t *packet)
{
    packet[0] = Frama_C_unsigned_char_interval(0x40, 0x4f);
}

/* Makes them those of an IPv6 packet without extension headers, whose protocol is between `first`
 * and `last`. */
static inline void make_ipv6(uint8_t *packet, uint8_t first, uint8_t last)
{
    packet[0] = Frama_C_unsigned_char_interval(0x60, 0x6f);
    packet[6] = Frama_C_unsigned_char_interval(first, last);
}

#endif
