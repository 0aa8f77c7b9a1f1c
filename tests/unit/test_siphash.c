#include "siphash.h"
#include "unit.h"

/* Appendix A of the SipHash paper: key 00..0f, input 00..0e. */
static void the_vector_of_the_paper(void **state)
{
    (void)state;
    struct ftun_hash_key key;
    uint8_t data[15];
    for (uint8_t i = 0; i < 16; i++)
        key.bytes[i] = i;
    for (uint8_t i = 0; i < 15; i++)
        data[i] = i;
    assert_true(ftun_siphash(&key, data, 15) == UINT64_C(0xa129ca6149be45e5));
}

/* The first rows of the reference implementation's vectors_sip64. */
static void vectors_of_the_reference_implementation(void **state)
{
    (void)state;
    static const uint64_t expected[] = {
        UINT64_C(0x726fdb47dd0e0e31), UINT64_C(0x74f839c593dc67fd), UINT64_C(0x0d6c8009d9a94f5a),
        UINT64_C(0x85676696d7fb7e2d), UINT64_C(0xcf2794e0277187b7), UINT64_C(0x18765564cd99a68d),
        UINT64_C(0xcbc9466e58fee3ce), UINT64_C(0xab0200f58b01d137), UINT64_C(0x93f5f5799a932462)};
    struct ftun_hash_key key;
    uint8_t data[LENGTH(expected)];
    for (uint8_t i = 0; i < 16; i++)
        key.bytes[i] = i;
    for (uint8_t i = 0; i < LENGTH(expected); i++) {
        data[i] = i;
        assert_true(ftun_siphash(&key, data, i) == expected[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vector_of_the_paper),
        cmocka_unit_test(vectors_of_the_reference_implementation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
