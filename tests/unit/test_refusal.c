#include "refusal.h"
#include "unit.h"

#include <string.h>

static void each_refusal_has_a_name_of_its_own_fit_for_a_counter(void **state)
{
    (void)state;
    for (int i = 0; i < FTUN_REFUSAL_COUNT; i++) {
        const char *name = ftun_refusal_name((enum ftun_refusal)i);
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz-"), strlen(name));
        assert_in_range(strlen(name), 1, 40);
        for (int other = 0; other < i; other++)
            assert_string_not_equal(name, ftun_refusal_name((enum ftun_refusal)other));
    }
}

static void each_refusal_has_a_line_for_people_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < FTUN_REFUSAL_COUNT; i++) {
        const char *text = ftun_refusal_text((enum ftun_refusal)i);
        assert_in_range(strlen(text), 1, 80);
        assert_null(strchr(text, '\n'));
        assert_int_not_equal(text[strlen(text) - 1], '.');
        for (int other = 0; other < i; other++)
            assert_string_not_equal(text, ftun_refusal_text((enum ftun_refusal)other));
    }
}

static void a_value_that_is_no_refusal_is_unknown(void **state)
{
    (void)state;
    assert_string_equal(ftun_refusal_name(FTUN_REFUSAL_COUNT), "unknown");
    assert_string_equal(ftun_refusal_text(FTUN_REFUSAL_COUNT), "unknown refusal");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_refusal_has_a_name_of_its_own_fit_for_a_counter),
        cmocka_unit_test(each_refusal_has_a_line_for_people_of_its_own),
        cmocka_unit_test(a_value_that_is_no_refusal_is_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
