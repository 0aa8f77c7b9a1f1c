#include "resume_token.h"
#include "unit.h"

#include <string.h>

static const struct ftun_hash_key key = {{1, 2, 3}};

static struct ftun_resume_value value_at(uint64_t chain, unsigned index)
{
    return ftun_resume_chain_value(&key, chain, index);
}

static bool follows(struct ftun_resume_value value, struct ftun_resume_value kept)
{
    return ftun_resume_value_follows(&value, &kept);
}

static void each_value_follows_those_before_it(void **state)
{
    (void)state;
    for (unsigned i = 1; i < FTUN_RESUME_CHAIN; i++)
        assert_true(follows(value_at(7, i), value_at(7, i - 1)));
}

static void a_few_lost_values_do_not_break_the_chain(void **state)
{
    (void)state;
    assert_true(follows(value_at(7, FTUN_RESUME_SKIPS), value_at(7, 0)));
    assert_false(follows(value_at(7, FTUN_RESUME_SKIPS + 1), value_at(7, 0)));
}

static void a_value_follows_neither_itself_nor_a_later_one(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FTUN_RESUME_CHAIN; i++)
        for (unsigned kept = i; kept < FTUN_RESUME_CHAIN; kept++)
            assert_false(follows(value_at(7, i), value_at(7, kept)));
}

static void chains_of_other_numbers_and_keys_are_others(void **state)
{
    (void)state;
    const struct ftun_hash_key other = {{1, 2, 4}};
    assert_false(follows(value_at(8, 1), value_at(7, 0)));
    assert_false(follows(ftun_resume_chain_value(&other, 7, 1), value_at(7, 0)));
}

/* Any two builds must agree on it. Expected: Python's hashlib.blake2s(). */
static void the_hash_of_a_value_is_the_one_that_is_documented(void **state)
{
    (void)state;
    const struct ftun_resume_value zero = {{0}};
    static const struct ftun_resume_value before = {{0x23, 0x95, 0x14, 0x4f, 0x94, 0xa5, 0x8b, 0x94,
                                                     0x6f, 0x67, 0x9f, 0xa7, 0x69, 0x57, 0xad,
                                                     0x45}};
    assert_true(follows(zero, before));
}

static struct ftun_resume_record a_record(void)
{
    return (struct ftun_resume_record){
        .value = value_at(7, 15), .keep = value_at(8, 0), .ticket = UINT64_C(0x1122334455667788)};
}

static void a_record_is_read_as_it_was_written(void **state)
{
    (void)state;
    const struct ftun_resume_record written = a_record();
    struct ftun_resume_record read;
    uint8_t bytes[FTUN_RESUME_RECORD];
    ftun_resume_record_write(&written, bytes);
    assert_true(ftun_resume_record_read(bytes, sizeof bytes, &read));
    assert_memory_equal(&read.value, &written.value, sizeof read.value);
    assert_memory_equal(&read.keep, &written.keep, sizeof read.keep);
    assert_true(read.ticket == written.ticket);
}

static void what_differs_from_a_record_in_one_bit_or_in_length_is_none(void **state)
{
    (void)state;
    const struct ftun_resume_record written = a_record();
    struct ftun_resume_record read;
    uint8_t bytes[FTUN_RESUME_RECORD + 1] = {0};
    ftun_resume_record_write(&written, bytes);
    assert_false(ftun_resume_record_read(bytes, FTUN_RESUME_RECORD - 1, &read));
    assert_false(ftun_resume_record_read(bytes, FTUN_RESUME_RECORD + 1, &read));
    for (size_t bit = 0; bit < 8 * FTUN_RESUME_RECORD; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(ftun_resume_record_read(bytes, FTUN_RESUME_RECORD, &read));
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void an_answer_says_whether_the_flow_goes_on(void **state)
{
    (void)state;
    const struct ftun_resume_value value = value_at(7, 3);
    for (int resumed = 0; resumed < 2; resumed++) {
        const struct ftun_resume_answer written = {.ticket = 99, .resumed = resumed != 0};
        struct ftun_resume_answer read;
        uint8_t bytes[FTUN_RESUME_ANSWER];
        ftun_resume_answer_write(&written, &value, bytes);
        assert_true(ftun_resume_answer_read(bytes, sizeof bytes, &value, &read));
        assert_int_equal(read.ticket, 99);
        assert_int_equal(read.resumed, resumed);
    }
}

static void an_answer_is_made_by_nobody_who_has_not_seen_the_value(void **state)
{
    (void)state;
    const struct ftun_resume_value value = value_at(7, 3);
    const struct ftun_resume_value before = value_at(7, 2);
    const struct ftun_resume_answer written = {.ticket = 99};
    struct ftun_resume_answer read;
    uint8_t bytes[FTUN_RESUME_ANSWER];
    ftun_resume_answer_write(&written, &before, bytes);
    assert_false(ftun_resume_answer_read(bytes, sizeof bytes, &value, &read));
    ftun_resume_answer_write(&written, &value, bytes);
    assert_false(ftun_resume_answer_read(bytes, sizeof bytes - 1, &value, &read));
    bytes[7] ^= 1; /* another ticket */
    assert_false(ftun_resume_answer_read(bytes, sizeof bytes, &value, &read));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_value_follows_those_before_it),
        cmocka_unit_test(a_few_lost_values_do_not_break_the_chain),
        cmocka_unit_test(a_value_follows_neither_itself_nor_a_later_one),
        cmocka_unit_test(chains_of_other_numbers_and_keys_are_others),
        cmocka_unit_test(the_hash_of_a_value_is_the_one_that_is_documented),
        cmocka_unit_test(a_record_is_read_as_it_was_written),
        cmocka_unit_test(what_differs_from_a_record_in_one_bit_or_in_length_is_none),
        cmocka_unit_test(an_answer_says_whether_the_flow_goes_on),
        cmocka_unit_test(an_answer_is_made_by_nobody_who_has_not_seen_the_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
