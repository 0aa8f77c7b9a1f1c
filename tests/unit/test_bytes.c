#include "bytes.h"
#include "unit.h"

static void numbers_are_loaded_in_network_order(void **state)
{
    (void)state;
    const uint8_t bytes[] = {0x81, 0x92, 0xa3, 0xb4};
    assert_int_equal(ftun_load_be16(bytes), 0x8192);
    assert_int_equal(ftun_load_be32(bytes), 0x8192a3b4);
}

static void what_is_stored_is_loaded_again_at_any_alignment(void **state)
{
    (void)state;
    for (size_t at = 0; at < 4; at++) {
        uint8_t bytes[8] = {0};
        ftun_store_be32(bytes + at, 0xfedcba98);
        assert_int_equal(bytes[at], 0xfe);
        assert_int_equal(ftun_load_be32(bytes + at), 0xfedcba98);
        ftun_store_be16(bytes + at, 0x8001);
        assert_int_equal(ftun_load_be32(bytes + at), 0x8001ba98);
    }
}

static void eight_bytes_are_stored_and_loaded_in_network_order(void **state)
{
    (void)state;
    uint8_t bytes[9] = {0};
    ftun_store_be64(bytes + 1, UINT64_C(0xfedcba9876543210));
    assert_int_equal(bytes[1], 0xfe);
    assert_int_equal(bytes[8], 0x10);
    assert_true(ftun_load_be64(bytes + 1) == UINT64_C(0xfedcba9876543210));
}

static void blake2s_reads_its_input_little_endian(void **state)
{
    (void)state;
    const uint8_t bytes[] = {1, 2, 3, 0x84};
    assert_int_equal(ftun_load_le32(bytes), 0x84030201);
}

static void siphash_reads_its_input_little_endian(void **state)
{
    (void)state;
    const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 0x88};
    assert_true(ftun_load_le64(bytes) == UINT64_C(0x8807060504030201));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_loaded_in_network_order),
        cmocka_unit_test(what_is_stored_is_loaded_again_at_any_alignment),
        cmocka_unit_test(eight_bytes_are_stored_and_loaded_in_network_order),
        cmocka_unit_test(blake2s_reads_its_input_little_endian),
        cmocka_unit_test(siphash_reads_its_input_little_endian),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
