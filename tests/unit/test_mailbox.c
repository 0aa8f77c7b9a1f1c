#include "mailbox.h"
#include "unit.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { POSTED_BY_EACH = 20000 };

static struct ftun_mailbox mailbox;

static int set_up(void **state)
{
    (void)state;
    struct ftun_error error;
    return ftun_mailbox_open(&mailbox, &error) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    ftun_mailbox_close(&mailbox);
    return 0;
}

static bool is_readable(void)
{
    struct pollfd watched = {.fd = mailbox.fd, .events = POLLIN};
    return poll(&watched, 1, 0) == 1;
}

static void letters_are_read_in_order_and_are_copies(void **state)
{
    (void)state;
    char text[] = "first";
    assert_true(ftun_mailbox_post(&mailbox, 7, 99, text, sizeof text, SIZE_MAX));
    text[0] = 'X';
    assert_true(ftun_mailbox_post(&mailbox, 8, 0, NULL, 0, SIZE_MAX));
    struct ftun_letter *letter = ftun_mailbox_take(&mailbox);
    assert_int_equal(letter->kind, 7);
    assert_int_equal(letter->note, 99);
    assert_int_equal(letter->len, sizeof "first");
    assert_string_equal(letter->data, "first");
    free(letter);
    letter = ftun_mailbox_take(&mailbox);
    assert_int_equal(letter->kind, 8);
    assert_int_equal(letter->len, 0);
    free(letter);
    assert_null(ftun_mailbox_take(&mailbox));
}

static void a_mailbox_is_readable_until_it_has_been_emptied(void **state)
{
    (void)state;
    assert_false(is_readable());
    for (int round = 0; round < 2; round++) {
        ftun_mailbox_post(&mailbox, 1, 0, NULL, 0, SIZE_MAX);
        assert_true(is_readable());
        free(ftun_mailbox_take(&mailbox));
        assert_null(ftun_mailbox_take(&mailbox));
        assert_false(is_readable());
    }
}

static void a_letter_too_many_is_refused(void **state)
{
    (void)state;
    assert_true(ftun_mailbox_post(&mailbox, 1, 0, NULL, 0, 2));
    assert_true(ftun_mailbox_post(&mailbox, 2, 0, NULL, 0, 2));
    assert_false(ftun_mailbox_post(&mailbox, 3, 0, NULL, 0, 2));
    assert_true(ftun_mailbox_post(&mailbox, 4, 0, NULL, 0, SIZE_MAX)); /* of another kind */
    free(ftun_mailbox_take(&mailbox));
    free(ftun_mailbox_take(&mailbox));
    assert_true(ftun_mailbox_post(&mailbox, 5, 0, NULL, 0, 2));
} /* what is left is freed by the tear-down: the leak checker looks */

static void *post_many(void *context)
{
    const uint32_t kind = *(const uint32_t *)context;
    for (uint32_t i = 0; i < POSTED_BY_EACH; i++)
        ftun_mailbox_post(&mailbox, kind, 0, &i, sizeof i, SIZE_MAX);
    return NULL;
}

static void nothing_is_lost_between_threads_and_each_ones_letters_keep_their_order(void **state)
{
    (void)state;
    pthread_t threads[2];
    static const uint32_t kinds[2] = {0, 1};
    uint32_t next[2] = {0, 0};
    for (size_t i = 0; i < 2; i++) {
        union {
            const uint32_t *read;
            void *context; /* only read */
        } kind = {.read = &kinds[i]};
        assert_int_equal(pthread_create(&threads[i], NULL, post_many, kind.context), 0);
    }
    while (next[0] + next[1] < 2 * POSTED_BY_EACH) {
        struct pollfd watched = {.fd = mailbox.fd, .events = POLLIN};
        assert_int_equal(poll(&watched, 1, 60000), 1);
        struct ftun_letter *letter;
        while ((letter = ftun_mailbox_take(&mailbox)) != NULL) {
            assert_memory_equal(letter->data, &next[letter->kind], sizeof(uint32_t));
            next[letter->kind]++;
            free(letter);
        }
    }
    for (size_t i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(letters_are_read_in_order_and_are_copies, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_mailbox_is_readable_until_it_has_been_emptied, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_letter_too_many_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            nothing_is_lost_between_threads_and_each_ones_letters_keep_their_order, set_up,
            tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
