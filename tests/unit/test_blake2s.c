#include "blake2s.h"
#include "unit.h"

#include <string.h>

static const char *hash_of(const void *data, size_t len, size_t out_len)
{
    static char text[2 * FTUN_BLAKE2S_MAX + 1];
    uint8_t hash[FTUN_BLAKE2S_MAX];
    ftun_blake2s(data, len, hash, out_len);
    for (size_t i = 0; i < out_len; i++)
        for (size_t half = 0; half < 2; half++)
            text[2 * i + half] = "0123456789abcdef"[half == 0 ? hash[i] >> 4 : hash[i] & 15];
    text[2 * out_len] = '\0';
    return text;
}

static void the_vector_of_rfc_7693_appendix_b(void **state)
{
    (void)state;
    assert_string_equal(hash_of("abc", 3, 32),
                        "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
}

/* Expected values: Python's hashlib.blake2s(), which is the reference implementation. */
static void shorter_hashes_are_other_hashes(void **state)
{
    (void)state;
    assert_string_equal(hash_of("", 0, 16), "64550d6ffe2c0a01a14aba1eade0200c");
    assert_string_equal(hash_of("abc", 3, 1), "0d");
}

static void a_full_block_is_hashed_as_one(void **state)
{
    (void)state;
    uint8_t block[FTUN_BLAKE2S_BLOCK];
    for (uint8_t i = 0; i < sizeof block; i++)
        block[i] = i;
    assert_string_equal(hash_of(block, sizeof block, 16), "dc66ca8f03865801b0ffe06ed8a1a90e");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vector_of_rfc_7693_appendix_b),
        cmocka_unit_test(shorter_hashes_are_other_hashes),
        cmocka_unit_test(a_full_block_is_hashed_as_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
