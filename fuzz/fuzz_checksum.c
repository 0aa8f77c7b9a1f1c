/* The Internet checksum against its definition (RFC 1071 1), and of two parts against the whole. */
#include "checksum.h"
#include "fuzz_input.h"

static uint16_t sum_by_definition(const uint8_t *data, size_t len)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < len; i++) {
        sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct fuzz_input input = {.data = data, .len = len};
    const size_t wanted = fuzz_u16(&input);
    size_t left_len;
    size_t right_len;
    const uint8_t *whole = fuzz_bytes(&input, wanted, &left_len);
    uint8_t *left = fuzz_copy(whole, left_len);
    const uint8_t *rest = fuzz_bytes(&input, SIZE_MAX, &right_len);
    uint8_t *right = fuzz_copy(rest, right_len);

    const uint16_t expected = sum_by_definition(whole, left_len + right_len);
    const uint16_t left_sum = ftun_sum(left, left_len);
    const uint16_t right_sum = ftun_sum(right, right_len);
    FUZZ_REQUIRE(ftun_sum(whole, left_len + right_len) == expected);
    FUZZ_REQUIRE(ftun_sum_concat(left_sum, left_len, right_sum) == expected);
    fuzz_free(left, left_len);
    fuzz_free(right, right_len);
    return 0;
}
