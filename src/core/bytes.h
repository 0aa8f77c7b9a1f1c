/* The only raw loads and stores of the core: big-endian (network order), no alignment asked for.
 * Callers have checked the bounds, in the form `off + need > len`. */
#ifndef FTUN_CORE_BYTES_H
#define FTUN_CORE_BYTES_H

#include <stdint.h>

static inline uint16_t ftun_load_be16(const uint8_t *p)
{
    return (uint16_t)((uint16_t)p[0] << 8 | p[1]);
}

static inline uint32_t ftun_load_be32(const uint8_t *p)
{
    return (uint32_t)ftun_load_be16(p) << 16 | ftun_load_be16(p + 2);
}

static inline void ftun_store_be16(uint8_t *p, uint16_t value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static inline void ftun_store_be32(uint8_t *p, uint32_t value)
{
    ftun_store_be16(p, (uint16_t)(value >> 16));
    ftun_store_be16(p + 2, (uint16_t)value);
}

static inline uint32_t ftun_load_le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t ftun_load_be64(const uint8_t *p)
{
    return (uint64_t)ftun_load_be32(p) << 32 | ftun_load_be32(p + 4);
}

static inline void ftun_store_be64(uint8_t *p, uint64_t value)
{
    ftun_store_be32(p, (uint32_t)(value >> 32));
    ftun_store_be32(p + 4, (uint32_t)value);
}

static inline uint64_t ftun_load_le64(const uint8_t *p)
{
    return (uint64_t)ftun_load_le32(p) | (uint64_t)ftun_load_le32(p + 4) << 32;
}

#endif
