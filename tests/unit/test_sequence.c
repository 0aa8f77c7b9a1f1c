#include "sequence.h"
#include "unit.h"

/* The same pairs from everywhere on the circle, its seam included. */
static const uint32_t origins[] = {0, 1, 1000, 0x7fffffff, 0x80000000, UINT32_MAX - 1, UINT32_MAX};

static void a_number_comes_before_the_next_half_of_the_circle(void **state)
{
    (void)state;
    static const uint32_t distances[] = {1, 2, 65535, 0x7ffffffe, 0x7fffffff};
    for (size_t i = 0; i < LENGTH(origins); i++) {
        for (size_t k = 0; k < LENGTH(distances); k++) {
            const uint32_t a = origins[i], b = a + distances[k];
            assert_true(ftun_seq_before(a, b));
            assert_false(ftun_seq_before(b, a));
            assert_true(ftun_seq_after(b, a));
            assert_false(ftun_seq_after(a, b));
        }
    }
}

static void a_number_is_neither_before_nor_after_itself(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(origins); i++) {
        assert_false(ftun_seq_before(origins[i], origins[i]));
        assert_false(ftun_seq_after(origins[i], origins[i]));
    }
}

static void the_later_of_two_may_be_the_smaller_number(void **state)
{
    (void)state;
    assert_int_equal(ftun_seq_max(5, 9), 9);
    assert_int_equal(ftun_seq_max(9, 5), 9);
    assert_int_equal(ftun_seq_max(7, 7), 7);
    assert_int_equal(ftun_seq_max(UINT32_MAX, 3), 3);
    assert_int_equal(ftun_seq_max(3, UINT32_MAX), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_comes_before_the_next_half_of_the_circle),
        cmocka_unit_test(a_number_is_neither_before_nor_after_itself),
        cmocka_unit_test(the_later_of_two_may_be_the_smaller_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
