#include "port_set.h"
#include "unit.h"

#include <stdlib.h>

static void assert_text(const struct ftun_port_set *set, const char *expected)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    ftun_port_set_write(out, set);
    fclose(out);
    assert_string_equal(text, expected);
    free(text);
}

static void a_list_is_read_and_written_as_the_kernel_does(void **state)
{
    (void)state;
    static const struct {
        const char *read, *written;
    } rows[] = {
        {"", ""},
        {"\n", ""},
        {"22\n", "22"},
        {"\t22,8000-8002\n", "22,8000-8002"},
        {"3,1,2", "1-3"},
        {"0,65535", "0,65535"},
        {"65534-65535,62-65", "62-65,65534-65535"},
        {"0-65535", "0-65535"},
    };
    for (size_t i = 0; i < LENGTH(rows); i++) {
        struct ftun_port_set set;
        assert_true(ftun_port_set_parse(rows[i].read, &set));
        assert_text(&set, rows[i].written);
    }
}

static void what_is_no_list_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {"65536", "5-", "9-8", "1,", "1,,2", "1,x", "1-70000"};
    for (size_t i = 0; i < LENGTH(rows); i++) {
        struct ftun_port_set set;
        assert_false(ftun_port_set_parse(rows[i], &set));
    }
}

static void ports_come_and_go(void **state)
{
    (void)state;
    struct ftun_port_set set = {0};
    assert_true(ftun_port_set_is_empty(&set));
    ftun_port_set_add(&set, 64);
    ftun_port_set_add(&set, 65535);
    assert_true(ftun_port_set_contains(&set, 64));
    assert_false(ftun_port_set_contains(&set, 63));
    assert_false(ftun_port_set_is_empty(&set));
    assert_true(ftun_port_set_meets(&set, (struct ftun_port_range){1, 64}));
    assert_true(ftun_port_set_meets(&set, (struct ftun_port_range){65, 65535}));
    assert_false(ftun_port_set_meets(&set, (struct ftun_port_range){65, 65534}));
    ftun_port_set_remove(&set, 64);
    assert_text(&set, "65535");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_read_and_written_as_the_kernel_does),
        cmocka_unit_test(what_is_no_list_is_refused),
        cmocka_unit_test(ports_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
