#include "tuple_map.h"
#include "unit.h"

#define CAPACITY 8

static struct ftun_tuple tuple(uint16_t port)
{
    return (struct ftun_tuple){.local = at(ipv4(10, 0, 0, 1), port),
                               .remote = at(ipv4(10, 0, 0, 2), 4567)};
}

static struct ftun_tuple_map full_map(void)
{
    struct ftun_tuple_map map;
    assert_true(ftun_tuple_map_create(&map, CAPACITY));
    for (uint16_t port = 1; port <= CAPACITY; port++) {
        const struct ftun_tuple t = tuple(port);
        bool yielded = true;
        assert_int_equal(ftun_tuple_map_add(&map, &t, &yielded), port - 1);
        assert_false(yielded);
    }
    return map;
}

static uint32_t add(struct ftun_tuple_map *map, uint16_t port)
{
    const struct ftun_tuple t = tuple(port);
    bool yielded = false;
    const uint32_t index = ftun_tuple_map_add(map, &t, &yielded);
    assert_int_equal(yielded, index != FTUN_NO_TUPLE);
    return index;
}

static uint32_t find(struct ftun_tuple_map *map, uint16_t port)
{
    const struct ftun_tuple t = tuple(port);
    return ftun_tuple_map_find(map, &t);
}

static void what_was_added_is_found_and_nothing_else(void **state)
{
    (void)state;
    struct ftun_tuple_map map = full_map();
    for (uint16_t port = 1; port <= CAPACITY; port++)
        assert_int_equal(find(&map, port), port - 1);
    assert_int_equal(find(&map, CAPACITY + 1), FTUN_NO_TUPLE);
    ftun_tuple_map_free(&map);
}

static void the_first_that_was_not_found_again_yields(void **state)
{
    (void)state;
    struct ftun_tuple_map map = full_map();
    find(&map, 1);
    find(&map, 3);
    assert_int_equal(add(&map, 100), 1);
    assert_int_equal(find(&map, 2), FTUN_NO_TUPLE);
    assert_int_equal(add(&map, 101), 3);
    assert_int_equal(find(&map, 1), 0);
    assert_int_equal(find(&map, 3), 2);
    ftun_tuple_map_free(&map);
}

static void when_all_were_found_again_the_first_yields(void **state)
{
    (void)state;
    struct ftun_tuple_map map = full_map();
    for (uint16_t port = 1; port <= CAPACITY; port++)
        find(&map, port);
    assert_int_equal(add(&map, 100), 0);
    ftun_tuple_map_free(&map);
}

static void what_is_unlinked_is_not_found_and_yields(void **state)
{
    (void)state;
    struct ftun_tuple_map map = full_map();
    find(&map, 1);
    ftun_tuple_map_unlink(&map, 0);
    assert_int_equal(find(&map, 1), FTUN_NO_TUPLE);
    assert_int_equal(add(&map, 1), 0);
    assert_int_equal(find(&map, 1), 0);
    ftun_tuple_map_free(&map);
}

static void what_is_pinned_never_yields(void **state)
{
    (void)state;
    struct ftun_tuple_map map = full_map();
    for (uint32_t i = 0; i < CAPACITY; i++)
        ftun_tuple_map_pin(&map, i, true);
    assert_int_equal(add(&map, 100), FTUN_NO_TUPLE);
    ftun_tuple_map_pin(&map, 5, false);
    assert_int_equal(add(&map, 100), 5);
    ftun_tuple_map_free(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_found_and_nothing_else),
        cmocka_unit_test(the_first_that_was_not_found_again_yields),
        cmocka_unit_test(when_all_were_found_again_the_first_yields),
        cmocka_unit_test(what_is_unlinked_is_not_found_and_yields),
        cmocka_unit_test(what_is_pinned_never_yields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
