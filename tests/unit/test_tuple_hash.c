#include "tuple_hash.h"
#include "unit.h"

static const struct ftun_hash_key key = {{1, 2, 3, 4}};

static struct ftun_tuple tuple(void)
{
    return (struct ftun_tuple){at(ipv4(10, 0, 0, 2), 0x1234), at(ipv6(1), 0xabcd)};
}

static uint64_t hash(const struct ftun_tuple *of)
{
    return ftun_tuple_hash(&key, of, FTUN_HASH_SEED, 0);
}

static void a_hash_is_siphash_of_addresses_ports_purpose_and_number(void **state)
{
    (void)state;
    const struct ftun_tuple t = tuple();
    const uint8_t bytes[] = {10, 0,    0,    2,    0,    0,    0,    0, 0, 0, 0, 0, 0, 0, 0,
                             0,  0x12, 0x34, 0x20, 1,    0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0,
                             0,  0,    0,    1,    0xab, 0xcd, 2,    1, 2, 3, 4, 5, 6, 7, 8};
    assert_true(ftun_tuple_hash(&key, &t, FTUN_HASH_COOKIE, UINT64_C(0x0102030405060708)) ==
                ftun_siphash(&key, bytes, sizeof bytes));
}

static void a_table_is_told_apart_by_no_more_bytes_than_addresses_and_ports_have(void **state)
{
    (void)state;
    const struct ftun_tuple v4 = {at(ipv4(10, 0, 0, 2), 0x1234), at(ipv4(10, 0, 0, 3), 0xabcd)};
    const uint8_t v4_bytes[] = {10, 0, 0, 2, 0x12, 0x34, 10, 0, 0, 3, 0xab, 0xcd};
    const struct ftun_tuple v6 = {at(ipv6(2), 0x1234), at(ipv6(1), 0xabcd)};
    const uint8_t v6_bytes[] = {0x20, 1, 0x0d, 0xb8, 0,    0,    0,    0, 0,    0,    0,    0,
                                0,    0, 0,    2,    0x12, 0x34, 0x20, 1, 0x0d, 0xb8, 0,    0,
                                0,    0, 0,    0,    0,    0,    0,    0, 0,    1,    0xab, 0xcd};
    assert_true(ftun_tuple_table_hash(&key, &v4) == ftun_siphash(&key, v4_bytes, 12));
    assert_true(ftun_tuple_table_hash(&key, &v6) == ftun_siphash(&key, v6_bytes, 36));
    assert_true(ftun_address_table_hash(&key, &v4.local) == ftun_siphash(&key, v4_bytes, 6));
    assert_true(ftun_address_table_hash(&key, &v6.local) == ftun_siphash(&key, v6_bytes, 18));
}

static void every_part_of_a_tuple_counts(void **state)
{
    (void)state;
    const struct ftun_tuple t = tuple();
    struct ftun_tuple other = t;
    other.local.port++;
    assert_true(hash(&other) != hash(&t));
    other = t;
    other.remote.port++;
    assert_true(hash(&other) != hash(&t));
    for (size_t i = 0; i < 16; i++) {
        other = t;
        other.local.ip.bytes[i]++;
        assert_true(hash(&other) != hash(&t));
        other = t;
        other.remote.ip.bytes[i]++;
        assert_true(hash(&other) != hash(&t));
    }
    other = (struct ftun_tuple){t.remote, t.local};
    assert_true(hash(&other) != hash(&t));
}

static void purposes_numbers_and_keys_are_told_apart(void **state)
{
    (void)state;
    const struct ftun_tuple t = tuple();
    const struct ftun_hash_key other_key = {{1, 2, 3, 5}};
    assert_true(ftun_tuple_hash(&key, &t, FTUN_HASH_SEQUENCE, 0) != hash(&t));
    assert_true(ftun_tuple_hash(&key, &t, FTUN_HASH_COOKIE, 0) !=
                ftun_tuple_hash(&key, &t, FTUN_HASH_SEQUENCE, 0));
    assert_true(ftun_tuple_hash(&key, &t, FTUN_HASH_SEED, UINT64_C(1) << 40) != hash(&t));
    assert_true(ftun_tuple_hash(&other_key, &t, FTUN_HASH_SEED, 0) != hash(&t));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hash_is_siphash_of_addresses_ports_purpose_and_number),
        cmocka_unit_test(a_table_is_told_apart_by_no_more_bytes_than_addresses_and_ports_have),
        cmocka_unit_test(every_part_of_a_tuple_counts),
        cmocka_unit_test(purposes_numbers_and_keys_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
