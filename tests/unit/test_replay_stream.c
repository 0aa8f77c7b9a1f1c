#include "stream.h"
#include "unit.h"

#define FIRST UINT32_C(0xffffff00) /* the sequence numbers wrap in every test */

static struct ftun_stream begun(void)
{
    struct ftun_stream stream = {0};
    ftun_stream_begin(&stream, FIRST);
    return stream;
}

static void segments_in_order_leave_nothing_behind(void **state)
{
    (void)state;
    struct ftun_stream s = begun();
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(ftun_stream_note(&s, FIRST + 100 * i, 100), FTUN_ARRIVED_IN_ORDER);
    assert_int_equal(s.datagrams, 10);
    assert_int_equal(s.bytes, 1000);
    assert_int_equal(s.late + s.repeated + ftun_stream_lost_gaps(&s), 0);
}

static void a_gap_that_is_never_filled_is_a_loss(void **state)
{
    (void)state;
    struct ftun_stream s = begun();
    ftun_stream_note(&s, FIRST, 100);
    assert_int_equal(ftun_stream_note(&s, FIRST + 300, 100), FTUN_ARRIVED_AFTER_GAP);
    assert_int_equal(ftun_stream_lost_gaps(&s), 1);
    assert_int_equal(ftun_stream_lost_bytes(&s), 200);
}

static void a_segment_that_fills_a_gap_was_late(void **state)
{
    (void)state;
    struct ftun_stream s = begun();
    ftun_stream_note(&s, FIRST + 300, 100);
    assert_int_equal(ftun_stream_note(&s, FIRST + 100, 100), FTUN_ARRIVED_LATE);
    assert_int_equal(ftun_stream_lost_gaps(&s), 2);
    assert_int_equal(ftun_stream_note(&s, FIRST, 100), FTUN_ARRIVED_LATE);
    assert_int_equal(ftun_stream_note(&s, FIRST + 200, 100), FTUN_ARRIVED_LATE);
    assert_int_equal(ftun_stream_lost_gaps(&s), 0);
    assert_int_equal(s.late, 3);
    assert_int_equal(s.repeated, 0);
}

static void one_segment_may_fill_many_gaps(void **state)
{
    (void)state;
    struct ftun_stream s = begun();
    for (uint32_t i = 1; i < 6; i += 2)
        ftun_stream_note(&s, FIRST + 100 * i, 100);
    assert_int_equal(ftun_stream_lost_gaps(&s), 3);
    assert_int_equal(ftun_stream_note(&s, FIRST, 600), FTUN_ARRIVED_LATE);
    assert_int_equal(ftun_stream_lost_gaps(&s), 0);
}

static void bytes_seen_before_are_repeated(void **state)
{
    (void)state;
    struct ftun_stream s = begun();
    ftun_stream_note(&s, FIRST, 100);
    assert_int_equal(ftun_stream_note(&s, FIRST, 100), FTUN_ARRIVED_AGAIN);
    assert_int_equal(s.repeated, 1);
    assert_int_equal(s.next, FIRST + 100);
}

static void of_too_many_gaps_the_oldest_is_given_up_as_lost(void **state)
{
    (void)state;
    struct ftun_stream s = begun();
    for (uint32_t i = 1; i <= FTUN_STREAM_GAPS + 1; i++)
        ftun_stream_note(&s, FIRST + 100 * (2 * i - 1), 100);
    assert_int_equal(ftun_stream_lost_gaps(&s), FTUN_STREAM_GAPS + 1);
    assert_int_equal(ftun_stream_lost_bytes(&s), 100 * (FTUN_STREAM_GAPS + 1));
    assert_int_equal(ftun_stream_note(&s, FIRST, 100), FTUN_ARRIVED_AGAIN);
    assert_int_equal(ftun_stream_note(&s, FIRST + 200, 100), FTUN_ARRIVED_LATE);
}

static void a_stream_joined_in_the_middle_has_lost_nothing(void **state)
{
    (void)state;
    struct ftun_stream s = {0};
    assert_int_equal(ftun_stream_note(&s, 12345, 10), FTUN_ARRIVED_IN_ORDER);
    assert_int_equal(ftun_stream_lost_gaps(&s), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_in_order_leave_nothing_behind),
        cmocka_unit_test(a_gap_that_is_never_filled_is_a_loss),
        cmocka_unit_test(a_segment_that_fills_a_gap_was_late),
        cmocka_unit_test(one_segment_may_fill_many_gaps),
        cmocka_unit_test(bytes_seen_before_are_repeated),
        cmocka_unit_test(of_too_many_gaps_the_oldest_is_given_up_as_lost),
        cmocka_unit_test(a_stream_joined_in_the_middle_has_lost_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
