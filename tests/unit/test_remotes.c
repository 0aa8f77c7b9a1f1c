#include "remotes.h"
#include "unit.h"

static struct ftun_socket_address v4(uint8_t last)
{
    return at(ipv4(192, 0, 2, last), 4567);
}

static struct ftun_socket_address v6(uint8_t last)
{
    return at(ipv6(last), 4567);
}

static void assert_remotes(const struct ftun_remotes *remotes,
                           const struct ftun_socket_address *expected, size_t count)
{
    assert_int_equal(remotes->count, count);
    for (size_t i = 0; i < count; i++)
        assert_true(ftun_socket_address_equal(&remotes->at[i], &expected[i]));
}

static void the_family_that_the_resolver_prefers_begins_and_then_they_take_turns(void **state)
{
    (void)state;
    const struct ftun_socket_address found[] = {v6(1), v6(2), v6(3), v4(1), v4(2)};
    const struct ftun_socket_address expected[] = {v6(1), v4(1), v6(2), v4(2), v6(3)};
    struct ftun_remotes remotes;
    ftun_remotes_interleave(&remotes, found, LENGTH(found), FTUN_FAMILY_NONE);
    assert_remotes(&remotes, expected, LENGTH(expected));
}

static void the_family_that_the_user_prefers_begins(void **state)
{
    (void)state;
    const struct ftun_socket_address found[] = {v6(1), v6(2), v4(1)};
    const struct ftun_socket_address expected[] = {v4(1), v6(1), v6(2)};
    struct ftun_remotes remotes;
    ftun_remotes_interleave(&remotes, found, LENGTH(found), FTUN_IPV4);
    assert_remotes(&remotes, expected, LENGTH(expected));
}

static void a_preferred_family_that_is_missing_changes_nothing(void **state)
{
    (void)state;
    const struct ftun_socket_address found[] = {v4(1), v4(2)};
    struct ftun_remotes remotes;
    ftun_remotes_interleave(&remotes, found, LENGTH(found), FTUN_IPV6);
    assert_remotes(&remotes, found, LENGTH(found));
}

static void an_address_that_is_told_twice_is_tried_once(void **state)
{
    (void)state;
    const struct ftun_socket_address found[] = {v4(1), v4(1), v4(2), v4(1)};
    const struct ftun_socket_address expected[] = {v4(1), v4(2)};
    struct ftun_remotes remotes;
    ftun_remotes_interleave(&remotes, found, LENGTH(found), FTUN_FAMILY_NONE);
    assert_remotes(&remotes, expected, LENGTH(expected));
}

static void of_many_addresses_the_first_of_both_families_are_kept(void **state)
{
    (void)state;
    struct ftun_socket_address found[3 * FTUN_REMOTES_MAX];
    for (uint8_t i = 0; i < LENGTH(found); i++)
        found[i] = i < 2 * FTUN_REMOTES_MAX ? v6(i) : v4(i);
    struct ftun_remotes remotes;
    ftun_remotes_interleave(&remotes, found, LENGTH(found), FTUN_FAMILY_NONE);
    assert_int_equal(remotes.count, FTUN_REMOTES_MAX);
    for (uint8_t i = 0; i < FTUN_REMOTES_MAX; i++)
        assert_int_equal(remotes.at[i].ip.family, i % 2 == 0 ? FTUN_IPV6 : FTUN_IPV4);
}

static void no_addresses_are_none(void **state)
{
    (void)state;
    struct ftun_remotes remotes = {.count = 3};
    ftun_remotes_interleave(&remotes, NULL, 0, FTUN_IPV4);
    assert_int_equal(remotes.count, 0);
    assert_false(ftun_remotes_have_family(&remotes, FTUN_IPV4));
}

static void lists_are_equal_when_they_have_the_same_addresses(void **state)
{
    (void)state;
    const struct ftun_remotes a = {.count = 2, .at = {v4(1), v6(1)}};
    const struct ftun_remotes turned = {.count = 2, .at = {v6(1), v4(1)}};
    const struct ftun_remotes shorter = {.count = 1, .at = {v4(1)}};
    const struct ftun_remotes other = {.count = 2, .at = {v4(1), v6(2)}};
    assert_true(ftun_remotes_equal(&a, &a));
    assert_true(ftun_remotes_equal(&a, &turned));
    assert_false(ftun_remotes_equal(&a, &shorter));
    assert_false(ftun_remotes_equal(&shorter, &a));
    assert_false(ftun_remotes_equal(&a, &other));
}

static void a_list_knows_its_families(void **state)
{
    (void)state;
    const struct ftun_remotes both = {.count = 2, .at = {v4(1), v6(1)}};
    const struct ftun_remotes one = {.count = 1, .at = {v4(1)}};
    assert_true(ftun_remotes_have_family(&both, FTUN_IPV6));
    assert_false(ftun_remotes_have_family(&one, FTUN_IPV6));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_family_that_the_resolver_prefers_begins_and_then_they_take_turns),
        cmocka_unit_test(the_family_that_the_user_prefers_begins),
        cmocka_unit_test(a_preferred_family_that_is_missing_changes_nothing),
        cmocka_unit_test(an_address_that_is_told_twice_is_tried_once),
        cmocka_unit_test(of_many_addresses_the_first_of_both_families_are_kept),
        cmocka_unit_test(no_addresses_are_none),
        cmocka_unit_test(lists_are_equal_when_they_have_the_same_addresses),
        cmocka_unit_test(a_list_knows_its_families),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
