#include "burst.h"
#include "unit.h"

static const struct ftun_slice slices[] = {
    {(const uint8_t *)"abc", 3}, {(const uint8_t *)"defghi", 6}, {(const uint8_t *)"j", 1}};
static const struct ftun_burst burst = {.slices = slices, .slice_count = 3, .len = 10, .stride = 3};

static void any_range_has_the_bytes_of_the_whole(void **state)
{
    (void)state;
    for (size_t from = 0; from <= burst.len; from++) {
        for (size_t to = from + 1; to <= burst.len; to++) {
            struct ftun_slice range[3];
            uint8_t joined[10], copied[10];
            size_t len = 0;
            const size_t count = ftun_burst_range(&burst, from, to - from, range);
            for (size_t i = 0; i < count; i++) {
                assert_true(range[i].len > 0);
                memcpy(joined + len, range[i].data, range[i].len);
                len += range[i].len;
            }
            ftun_burst_copy(&burst, from, to - from, copied);
            assert_int_equal(len, to - from);
            assert_memory_equal(joined, &"abcdefghij"[from], len);
            assert_memory_equal(copied, &"abcdefghij"[from], len);
        }
    }
}

static void datagrams_are_counted_with_the_short_last_one(void **state)
{
    (void)state;
    assert_int_equal(ftun_datagram_count(10, 3), 4);
    assert_int_equal(ftun_datagram_count(9, 3), 3);
    assert_int_equal(ftun_datagram_count(1, 3), 1);
    assert_int_equal(ftun_datagram_count(0, 0), 1); /* an empty datagram is one */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_range_has_the_bytes_of_the_whole),
        cmocka_unit_test(datagrams_are_counted_with_the_short_last_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
