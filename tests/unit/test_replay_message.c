#include "message.h"
#include "unit.h"

static const struct ftun_resume_record record = {.value = {{1}}, .keep = {{1}}, .ticket = 5};

static enum ftun_message record_from(struct ftun_messages *messages, bool client)
{
    uint8_t bytes[FTUN_RESUME_RECORD];
    ftun_resume_record_write(&record, bytes);
    return ftun_message_find(messages, client, bytes, sizeof bytes);
}

static enum ftun_message answer_from(struct ftun_messages *messages, bool client)
{
    const struct ftun_resume_answer answer = {.ticket = 5};
    uint8_t bytes[FTUN_RESUME_ANSWER];
    ftun_resume_answer_write(&answer, &record.value, bytes);
    return ftun_message_find(messages, client, bytes, sizeof bytes);
}

static void a_clients_record_is_known_whenever_it_comes(void **state)
{
    (void)state;
    struct ftun_messages messages = {0};
    assert_int_equal(record_from(&messages, true), FTUN_MESSAGE_RECORD);
    assert_int_equal(record_from(&messages, true), FTUN_MESSAGE_RECORD);
    assert_int_equal(record_from(&messages, false), FTUN_MESSAGE_NONE);
}

static void a_second_record_is_a_datagram(void **state)
{
    (void)state;
    struct ftun_messages messages = {.shown = {{2}}, .has_record = true};
    assert_int_equal(record_from(&messages, true), FTUN_MESSAGE_NONE);
}

static void an_answer_is_known_by_its_record(void **state)
{
    (void)state;
    struct ftun_messages messages = {0};
    assert_int_equal(answer_from(&messages, false), FTUN_MESSAGE_NONE);
    record_from(&messages, true);
    assert_int_equal(answer_from(&messages, false), FTUN_MESSAGE_ANSWER);
    assert_int_equal(answer_from(&messages, true), FTUN_MESSAGE_NONE);
}

static void they_are_named(void **state)
{
    (void)state;
    assert_string_equal(ftun_message_note(FTUN_MESSAGE_NONE), "");
    assert_string_equal(ftun_message_note(FTUN_MESSAGE_RECORD), ", resume record");
    assert_string_equal(ftun_message_note(FTUN_MESSAGE_ANSWER), ", resume answer");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clients_record_is_known_whenever_it_comes),
        cmocka_unit_test(a_second_record_is_a_datagram),
        cmocka_unit_test(an_answer_is_known_by_its_record),
        cmocka_unit_test(they_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
