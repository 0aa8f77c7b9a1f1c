/* What every target includes: the bytes that a fuzzer gives, read from front to back, and the way
 * to say that something must hold. */
#ifndef FTUN_FUZZ_INPUT_H
#define FTUN_FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Called once for each input, by libFuzzer, AFL++ or replayer.c; returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Ends the process, whatever the build: a fuzzer takes it for a crash. */
#define FUZZ_REQUIRE(condition)                                                        \
    do {                                                                               \
        if (!(condition)) {                                                            \
            fprintf(stderr, "%s:%d: must hold: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                   \
        }                                                                              \
    } while (0)

/* Behind the end everything reads as zero: each input means something. */
struct fuzz_input {
    const uint8_t *data;
    size_t len, off; /* bytes; off <= len */
};

static inline bool fuzz_is_empty(const struct fuzz_input *input)
{
    return input->off == input->len;
}

static inline uint8_t fuzz_u8(struct fuzz_input *input)
{
    return fuzz_is_empty(input) ? 0 : input->data[input->off++];
}

/* Big-endian, as packets are: a seed reads well in a hex dump. */
static inline uint16_t fuzz_u16(struct fuzz_input *input)
{
    const unsigned high = fuzz_u8(input);
    return (uint16_t)(high << 8 | fuzz_u8(input));
}

static inline uint32_t fuzz_u32(struct fuzz_input *input)
{
    const uint32_t high = fuzz_u16(input);
    return high << 16 | fuzz_u16(input);
}

/* The next `wanted` bytes, or what is left of the input: `*len` of them. */
static inline const uint8_t *fuzz_bytes(struct fuzz_input *input, size_t wanted, size_t *len)
{
    const uint8_t *bytes = input->data + input->off;
    const size_t left = input->len - input->off;
    *len = wanted < left ? wanted : left;
    input->off += *len;
    return bytes;
}

/* Memory that must be there. */
static inline void *fuzz_allocate(size_t size)
{
    void *const memory = malloc(size);
    FUZZ_REQUIRE(memory != NULL);
    return memory;
}

/* A copy in a heap block that ends where the copy does, so that AddressSanitizer sees the first
 * byte read behind it; of nothing, too. Given back by fuzz_free(). */
static inline uint8_t *fuzz_copy(const uint8_t *data, size_t len)
{
    uint8_t *const block = calloc(1, len > 0 ? len : 1);
    FUZZ_REQUIRE(block != NULL);
    return len > 0 ? memcpy(block, data, len) : block + 1;
}

static inline void fuzz_free(uint8_t *copy, size_t len)
{
    free(len > 0 ? copy : copy - 1);
}

/* As fuzz_copy(), with a zero byte at the end; given back by free(). */
static inline char *fuzz_string(const uint8_t *data, size_t len)
{
    char *const string = fuzz_allocate(len + 1);
    if (len > 0)
        memcpy(string, data, len);
    string[len] = '\0';
    return string;
}

#endif
