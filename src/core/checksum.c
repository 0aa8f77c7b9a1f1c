#include "checksum.h"

#include "bytes.h"

#include <string.h>

static uint16_t fold(uint64_t sum)
{
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static uint16_t swap(uint16_t value)
{
    return (uint16_t)(value << 8 | value >> 8);
}

/* Words are added in native order, 32 bits at a time, and put in order once at the end: the sum
 * is independent of byte order (RFC 1071 2 B). At most 2^32 words keep the 64 bits from
 * overflowing; packets have 2^14. */
static uint64_t sum_native_words(const uint8_t *data, size_t words)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < words; i++) {
        uint32_t word;
        memcpy(&word, data + 4 * i, sizeof word);
        sum += word;
    }
    return sum;
}

static uint16_t from_native(uint16_t sum)
{
    const uint8_t one[2] = {0, 1};
    uint16_t native;
    memcpy(&native, one, sizeof native);
    return native == 1 ? sum : swap(sum);
}

uint16_t ftun_sum(const uint8_t *data, size_t len)
{
    const size_t whole = len & ~(size_t)3;
    const uint64_t words = sum_native_words(data, whole / 4);
    uint32_t rest = 0;
    if (whole + 2 <= len)
        rest += ftun_load_be16(data + whole);
    if (len % 2 != 0)
        rest += (uint32_t)data[len - 1] << 8;
    return fold((uint64_t)from_native(fold(words)) + rest);
}

uint16_t ftun_sum_add(uint16_t a, uint16_t b)
{
    return fold((uint64_t)a + b);
}

uint16_t ftun_sum_concat(uint16_t left, size_t left_len, uint16_t right)
{
    return ftun_sum_add(left, left_len % 2 == 0 ? right : swap(right));
}

uint16_t ftun_sum_pseudo_header(const struct ftun_address *source,
                                const struct ftun_address *destination, uint8_t protocol,
                                size_t len)
{
    const uint64_t addresses = (uint64_t)ftun_sum(source->bytes, sizeof source->bytes) +
                               ftun_sum(destination->bytes, sizeof destination->bytes);
    return fold(addresses + protocol + len);
}
