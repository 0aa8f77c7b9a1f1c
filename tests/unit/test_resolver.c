#include "resolver.h"
#include "unit.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct ftun_answer answer;
static struct ftun_error error;

static struct ftun_question question(const char *host)
{
    struct ftun_question out = {.port = 4567};
    snprintf(out.host, sizeof out.host, "%s", host);
    return out;
}

static void a_literal_is_known_without_asking_anybody(void **state)
{
    (void)state;
    const char *const literals[] = {"192.0.2.1", "2001:db8::1"};
    for (size_t i = 0; i < LENGTH(literals); i++) {
        const struct ftun_question asked = question(literals[i]);
        assert_true(ftun_question_is_literal(&asked));
        ftun_resolve(&asked, &answer);
        assert_int_equal(answer.kind, FTUN_ANSWER_FOUND);
        const struct ftun_socket_address expected = at(i == 0 ? ipv4(192, 0, 2, 1) : ipv6(1), 4567);
        assert_int_equal(answer.remotes.count, 1);
        assert_true(ftun_socket_address_equal(&answer.remotes.at[0], &expected));
    }
    const struct ftun_question name = question("localhost");
    assert_false(ftun_question_is_literal(&name));
}

static void an_address_of_the_other_family_is_nowhere(void **state)
{
    (void)state;
    struct ftun_question asked = question("192.0.2.1");
    asked.only = FTUN_IPV6;
    ftun_resolve(&asked, &answer);
    assert_int_equal(answer.kind, FTUN_ANSWER_NOWHERE);
    assert_true(strlen(answer.error.text) > 0);
}

static void an_answer_makes_the_descriptor_readable(void **state)
{
    (void)state;
    struct ftun_resolver resolver;
    const struct ftun_question asked = question("192.0.2.1");
    assert_true(ftun_resolver_open(&resolver, &error));
    assert_false(ftun_resolver_take(&resolver, &answer));
    assert_true(ftun_resolver_ask(&resolver, &asked, &error));
    struct pollfd watched = {.fd = resolver.fd, .events = POLLIN};
    assert_int_equal(poll(&watched, 1, 30000), 1);
    assert_true(ftun_resolver_take(&resolver, &answer));
    assert_int_equal(answer.kind, FTUN_ANSWER_FOUND);
    ftun_resolver_close(&resolver);
}

static void while_a_question_is_under_way_there_is_no_second_one(void **state)
{
    (void)state;
    struct ftun_resolver resolver;
    const struct ftun_question asked = question("192.0.2.1");
    const struct ftun_question another = question("192.0.2.2");
    assert_true(ftun_resolver_open(&resolver, &error));
    assert_true(ftun_resolver_ask(&resolver, &asked, &error));
    assert_true(ftun_resolver_ask(&resolver, &another, &error));
    struct pollfd watched = {.fd = resolver.fd, .events = POLLIN};
    assert_int_equal(poll(&watched, 1, 30000), 1);
    assert_true(ftun_resolver_take(&resolver, &answer));
    assert_int_equal(answer.remotes.at[0].ip.bytes[3], 1);
    assert_false(resolver.asked);
    assert_true(ftun_resolver_ask(&resolver, &another, &error));
    assert_int_equal(poll(&watched, 1, 30000), 1);
    assert_true(ftun_resolver_take(&resolver, &answer));
    assert_int_equal(answer.remotes.at[0].ip.bytes[3], 2);
    ftun_resolver_close(&resolver);
}

static void a_resolver_may_close_while_a_question_is_under_way(void **state)
{
    (void)state;
    struct ftun_resolver resolver;
    const struct ftun_question asked = question("192.0.2.1");
    assert_true(ftun_resolver_open(&resolver, &error));
    assert_true(ftun_resolver_ask(&resolver, &asked, &error));
    ftun_resolver_close(&resolver);
    ftun_resolver_close(&resolver);
    assert_int_equal(resolver.fd, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_literal_is_known_without_asking_anybody),
        cmocka_unit_test(an_address_of_the_other_family_is_nowhere),
        cmocka_unit_test(an_answer_makes_the_descriptor_readable),
        cmocka_unit_test(while_a_question_is_under_way_there_is_no_second_one),
        cmocka_unit_test(a_resolver_may_close_while_a_question_is_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
