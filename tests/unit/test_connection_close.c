/* The closing states with every event. */
#include "connection_fixture.h"

static void close_sends_fin_and_ends_the_flow(void **state)
{
    (void)state;
    in_fin_wait_1();
    assert_string_equal(describe(), "closed(closed by this end) F. 1001 5001 64240");
    assert_int_equal(c.state, FTUN_FIN_WAIT_1);
    ftun_connection_close(&c, start, FTUN_CLOSED_LOCALLY, &step);
    assert_string_equal(describe(), "nothing");
}

static void close_during_the_handshake_just_forgets(void **state)
{
    (void)state;
    in_syn_sent();
    ftun_connection_close(&c, start, FTUN_CLOSED_LOCALLY, &step);
    assert_string_equal(describe(), "closed(closed by this end) gone");
}

static void close_towards_phantun_is_an_rst(void **state)
{
    (void)state;
    ftun_connection_connect(&c, start, start, &ftun_profile_phantun, 0, MSS, 0, &step);
    receive(FTUN_SYN | FTUN_ACK, 0, 1, 0);
    ftun_connection_close(&c, start, FTUN_CLOSED_LOCALLY, &step);
    assert_string_equal(describe(), "closed(closed by this end) R 1 0 0 gone");
}

static void a_fin_is_answered_by_our_own(void **state)
{
    (void)state;
    in_last_ack();
    assert_string_equal(describe(), "closed(closed by the peer) F. 1001 5002 64240");
    assert_int_equal(c.state, FTUN_LAST_ACK);
    assert_int_equal(receive(FTUN_ACK, PEER_ISN + 2, ISN + 2, 0), FTUN_TAKEN);
    assert_string_equal(describe(), "nothing");
    assert_int_equal(c.state, FTUN_TIME_WAIT); /* late duplicates must find it */
}

static void data_with_a_fin_is_delivered_first(void **state)
{
    (void)state;
    in_established();
    receive(FTUN_FIN | FTUN_ACK, PEER_ISN + 1, ISN + 1, 100);
    assert_string_equal(describe(), "deliver closed(closed by the peer) F. 1001 5102 64240");
}

static void the_usual_close(void **state)
{
    (void)state;
    in_fin_wait_1();
    receive(FTUN_ACK, PEER_ISN + 1, ISN + 2, 0);
    assert_string_equal(describe(), "nothing");
    assert_int_equal(c.state, FTUN_FIN_WAIT_2);
    receive(FTUN_FIN | FTUN_ACK, PEER_ISN + 1, ISN + 2, 0);
    assert_string_equal(describe(), ". 1002 5002 64240");
    assert_int_equal(c.state, FTUN_TIME_WAIT);
}

/* Its FIN is lost, and an acknowledgment that followed it has taken the peer past it: without a
 * word, all that the peer sends would be acknowledged and thrown away. Linux: TCPAbortOnData. */
static void a_peer_that_goes_on_behind_a_fin_that_it_acknowledged_is_reset(void **state)
{
    (void)state;
    in_fin_wait_2();
    assert_int_equal(receive(FTUN_ACK | FTUN_PSH, PEER_ISN + 1, ISN + 2, 10),
                     FTUN_REFUSED_DATA_AFTER_CLOSE);
    assert_string_equal(describe(), "R 1002 0 0 gone");
}

static void what_was_under_way_before_a_fin_does_not_reset(void **state)
{
    (void)state;
    in_fin_wait_2();
    receive(FTUN_ACK | FTUN_PSH, PEER_ISN + 1, ISN + 1, 10);
    assert_int_equal(c.state, FTUN_FIN_WAIT_2);
}

static void a_fin_that_acknowledges_ours_ends_both_directions(void **state)
{
    (void)state;
    in_fin_wait_1();
    receive(FTUN_FIN | FTUN_ACK, PEER_ISN + 1, ISN + 2, 0);
    assert_string_equal(describe(), ". 1002 5002 64240");
    assert_int_equal(c.state, FTUN_TIME_WAIT);
}

static void both_ends_may_close_at_once(void **state)
{
    (void)state;
    in_closing();
    assert_string_equal(describe(), ". 1002 5002 64240");
    assert_int_equal(c.state, FTUN_CLOSING);
    receive(FTUN_ACK, PEER_ISN + 2, ISN + 2, 0);
    assert_string_equal(describe(), "nothing");
    assert_int_equal(c.state, FTUN_TIME_WAIT);
}

static void data_after_close_is_refused_and_acknowledged(void **state)
{
    (void)state;
    in_fin_wait_1();
    assert_int_equal(receive(FTUN_ACK, PEER_ISN + 1, ISN + 1, 10), FTUN_REFUSED_DATA_AFTER_CLOSE);
    assert_string_equal(describe(), "nothing");
    assert_int_equal(c.rcv_nxt, PEER_ISN + 11);
    assert_int_equal(ftun_connection_sendable(&c, start, 10, 10), 0);
}

static void a_repeated_fin_is_acknowledged_again(void **state)
{
    (void)state;
    in_time_wait();
    for (unsigned i = 0; i < 3; i++) { /* each time: it is no challenge */
        receive(FTUN_FIN | FTUN_ACK, PEER_ISN + 1, ISN + 2, 0);
        assert_string_equal(describe(), ". 1002 5002 64240");
    }
    in_last_ack();
    receive(FTUN_FIN | FTUN_ACK, PEER_ISN + 1, ISN + 1, 0);
    assert_string_equal(describe(), "F. 1001 5002 64240");
    in_closing();
    receive(FTUN_FIN | FTUN_ACK, PEER_ISN + 1, ISN + 1, 0);
    assert_string_equal(describe(), ". 1002 5002 64240");
}

static const uint64_t fin_timeout = 300 * FTUN_MILLISECOND;

/* F17: one that is lost at shutdown is repeated before the process ends. */
static void F17_a_fin_is_repeated_within_the_second_with_backoff_then_given_up(void **state)
{
    (void)state;
    static void (*const with_fin[])(void) = {in_fin_wait_1, in_closing, in_last_ack};
    for (size_t i = 0; i < LENGTH(with_fin); i++) {
        with_fin[i]();
        uint64_t at = start;
        for (unsigned n = 0; n < FTUN_FIN_RETRIES; n++) {
            at += fin_timeout << n;
            assert_int_equal(ftun_connection_deadline(&c, &timeouts), at);
            ftun_connection_timeout(&c, at, &timeouts, &step);
            assert_int_equal(step.segment.flags, FTUN_FIN | FTUN_ACK);
            assert_int_equal(step.segment.sequence, ISN + 1);
        }
        at += fin_timeout << FTUN_FIN_RETRIES;
        assert_int_equal(ftun_connection_deadline(&c, &timeouts), at);
        ftun_connection_timeout(&c, at, &timeouts, &step);
        assert_string_equal(describe(), "gone");
    }
}

static void fin_wait_2_and_time_wait_end_by_themselves(void **state)
{
    (void)state;
    static void (*const waiting[])(void) = {in_fin_wait_2, in_time_wait};
    for (size_t i = 0; i < LENGTH(waiting); i++) {
        waiting[i]();
        assert_int_equal(ftun_connection_deadline(&c, &timeouts), start + FTUN_TIME_WAIT_DURATION);
        ftun_connection_timeout(&c, start + FTUN_TIME_WAIT_DURATION, &timeouts, &step);
        assert_string_equal(describe(), "gone");
    }
}

static void an_ack_that_was_due_dies_with_the_connection(void **state)
{
    (void)state;
    in_established();
    receive(FTUN_ACK, PEER_ISN + 1, ISN + 1, 100);
    receive(FTUN_ACK, PEER_ISN + 101, ISN + 1, 100);
    assert_true(c.ack_due);
    receive(FTUN_RST, PEER_ISN + 201, 0, 0);
    ftun_connection_end_turn(&c, start, &step);
    assert_string_equal(describe(), "nothing");
}

static void a_closed_connection_has_nothing_to_do(void **state)
{
    (void)state;
    in_established();
    receive(FTUN_RST, PEER_ISN + 1, 0, 0);
    assert_int_equal(ftun_connection_deadline(&c, &timeouts), FTUN_NEVER);
    ftun_connection_timeout(&c, FTUN_NEVER - 1, &timeouts, &step);
    assert_string_equal(describe(), "nothing");
    ftun_connection_close(&c, start, FTUN_CLOSED_LOCALLY, &step);
    assert_string_equal(describe(), "nothing");
    assert_int_equal(ftun_connection_sendable(&c, start, 1, 1), 0);
}

static void each_reason_has_a_line_of_its_own(void **state)
{
    (void)state;
    for (int reason = FTUN_STILL_OPEN; reason <= FTUN_CLOSED_TIMEOUT; reason++) {
        const char *text = ftun_close_reason_text((enum ftun_close_reason)reason);
        assert_string_not_equal(text, "unknown");
        for (int other = FTUN_STILL_OPEN; other < reason; other++)
            assert_string_not_equal(text, ftun_close_reason_text((enum ftun_close_reason)other));
    }
    assert_string_equal(ftun_close_reason_text((enum ftun_close_reason)99), "unknown");
}

/* Each repeated FIN is answered; but only this end's timer says when it has waited enough. */
static void a_peer_that_repeats_its_fin_for_ever_does_not_hold_the_connection(void **state)
{
    (void)state;
    static void (*const with_fin[])(void) = {in_closing, in_last_ack, in_time_wait};
    for (size_t i = 0; i < LENGTH(with_fin); i++) {
        with_fin[i]();
        uint64_t now = start;
        do {
            now += FTUN_SECOND / 10;
            receive_at(now, FTUN_FIN | FTUN_ACK, PEER_ISN + 1, ISN + 1, 0);
            ftun_connection_timeout(&c, now, &timeouts, &step);
        } while (!step.gone && now < start + 60 * FTUN_SECOND);
        assert_in_range(now, start, start + FTUN_TIME_WAIT_DURATION);
    }
}

static void repeats_of_the_syn_do_not_count_for_the_fin(void **state)
{
    (void)state;
    in_syn_sent();
    for (unsigned i = 1; i <= FTUN_SYN_RETRIES; i++)
        ftun_connection_timeout(&c, start + i * FTUN_SECOND, &timeouts, &step);
    const uint64_t closed_at = start + 5 * FTUN_SECOND;
    receive_at(closed_at, FTUN_SYN | FTUN_ACK, PEER_ISN, ISN + 1, 0);
    ftun_connection_close(&c, closed_at, FTUN_CLOSED_LOCALLY, &step);
    for (unsigned i = 1; i <= FTUN_FIN_RETRIES; i++) {
        ftun_connection_timeout(&c, c.retransmit_at, &timeouts, &step);
        assert_string_equal(describe(), "F. 1001 5001 64240");
    }
}

/* RFC 9293 3.10.5 */
static void an_abort_resets_where_the_peer_still_counts_on_us(void **state)
{
    (void)state;
    static void (*const with_rst[])(void) = {in_established, in_fin_wait_1, in_fin_wait_2};
    for (size_t i = 0; i < LENGTH(with_rst); i++) {
        with_rst[i]();
        const uint32_t next = c.snd_nxt;
        ftun_connection_abort(&c, FTUN_CLOSED_YIELDED, &step);
        assert_true(step.gone && step.has_segment);
        assert_int_equal(step.closed, FTUN_CLOSED_YIELDED);
        assert_int_equal(step.segment.flags, FTUN_RST);
        assert_int_equal(step.segment.sequence, next);
    }
    static void (*const without[])(void) = {in_syn_sent, in_closing, in_last_ack, in_time_wait};
    for (size_t i = 0; i < LENGTH(without); i++) {
        without[i]();
        ftun_connection_abort(&c, FTUN_CLOSED_YIELDED, &step);
        assert_true(step.gone && !step.has_segment);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(close_sends_fin_and_ends_the_flow),
        cmocka_unit_test(close_during_the_handshake_just_forgets),
        cmocka_unit_test(close_towards_phantun_is_an_rst),
        cmocka_unit_test(a_fin_is_answered_by_our_own),
        cmocka_unit_test(data_with_a_fin_is_delivered_first),
        cmocka_unit_test(the_usual_close),
        cmocka_unit_test(a_peer_that_goes_on_behind_a_fin_that_it_acknowledged_is_reset),
        cmocka_unit_test(what_was_under_way_before_a_fin_does_not_reset),
        cmocka_unit_test(a_fin_that_acknowledges_ours_ends_both_directions),
        cmocka_unit_test(both_ends_may_close_at_once),
        cmocka_unit_test(data_after_close_is_refused_and_acknowledged),
        cmocka_unit_test(a_repeated_fin_is_acknowledged_again),
        cmocka_unit_test(F17_a_fin_is_repeated_within_the_second_with_backoff_then_given_up),
        cmocka_unit_test(fin_wait_2_and_time_wait_end_by_themselves),
        cmocka_unit_test(an_ack_that_was_due_dies_with_the_connection),
        cmocka_unit_test(a_closed_connection_has_nothing_to_do),
        cmocka_unit_test(each_reason_has_a_line_of_its_own),
        cmocka_unit_test(a_peer_that_repeats_its_fin_for_ever_does_not_hold_the_connection),
        cmocka_unit_test(repeats_of_the_syn_do_not_count_for_the_fin),
        cmocka_unit_test(an_abort_resets_where_the_peer_still_counts_on_us),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
