/* What a blind attacker must guess, to the byte, and what happens when he has. */
#include "connection_fixture.h"

enum { FLIGHT = 1000, AHEAD = 32 << 20 };

/* This end has sent ISN + 1 to ISN + 1 + FLIGHT, unacknowledged. */
static void in_flight(void)
{
    struct ftun_tcp_header header;
    uint16_t ip_id;
    in_established();
    c.window = ftun_receive_window_open(UINT32_C(65535) << 10, 10); /* the largest */
    ftun_connection_data(&c, start, FLIGHT, 1, &header, &ip_id);
}

static void data_ahead_acknowledges_what_is_in_flight(void **state)
{
    (void)state;
    const struct {
        uint32_t ack;
        enum ftun_refusal refusal;
    } cases[] = {
        {ISN, FTUN_REFUSED_ACK_UNACCEPTABLE},
        {ISN + 1, FTUN_TAKEN},
        {ISN + 1 + FLIGHT, FTUN_TAKEN},
        {ISN + 2 + FLIGHT, FTUN_REFUSED_ACK_UNACCEPTABLE},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        in_flight();
        assert_int_equal(receive(FTUN_ACK, PEER_ISN + 1, cases[i].ack, 100), cases[i].refusal);
        assert_int_equal(step.deliver, cases[i].refusal == FTUN_TAKEN);
        assert_int_equal(c.rcv_nxt, PEER_ISN + 1 + (cases[i].refusal == FTUN_TAKEN ? 100 : 0));
    }
}

/* An ACK has overtaken the datagram before it, and with it what that one acknowledges. */
static void a_late_segment_may_acknowledge_less(void **state)
{
    (void)state;
    in_flight();
    receive(FTUN_ACK, PEER_ISN + 101, ISN + 1 + FLIGHT, 0);
    assert_int_equal(receive(FTUN_ACK, PEER_ISN + 1, ISN + 1, 100), FTUN_TAKEN);
    assert_string_equal(describe(), "deliver");
    assert_int_equal(c.snd_una, ISN + 1 + FLIGHT);
    assert_int_equal(c.rcv_nxt, PEER_ISN + 101);
}

static void two_acks_may_change_places(void **state)
{
    (void)state;
    in_flight();
    receive(FTUN_ACK, PEER_ISN + 1, ISN + 1 + FLIGHT, 0);
    assert_int_equal(receive(FTUN_ACK, PEER_ISN + 1, ISN + 1, 0), FTUN_TAKEN);
    assert_string_equal(describe(), "nothing");
}

static void what_was_acknowledged_long_ago_is_not_acknowledged_again(void **state)
{
    (void)state;
    in_flight();
    receive(FTUN_ACK, PEER_ISN + 101, ISN + 1 + FLIGHT, 0);
    const uint64_t later = start + 2 * FTUN_ACK_MEMORY;
    assert_int_equal(receive_at(later - 1, FTUN_ACK, PEER_ISN + 1, ISN + 1, 50), FTUN_TAKEN);
    assert_int_equal(receive_at(later + FTUN_ACK_MEMORY, FTUN_ACK, PEER_ISN + 51, ISN + 1, 50),
                     FTUN_REFUSED_ACK_UNACCEPTABLE);
}

static void what_was_acknowledged_less_than_a_second_ago_may_be_again(void **state)
{
    (void)state;
    struct ftun_tcp_header header;
    uint16_t ip_id;
    in_established();
    uint32_t acknowledged = ISN + 1;
    for (unsigned i = 0; i < 100; i++) {
        const uint64_t now = start + i * FTUN_ACK_MEMORY / 8;
        ftun_connection_data(&c, start, FLIGHT, 1, &header, &ip_id);
        receive_at(now, FTUN_ACK, PEER_ISN + 1, acknowledged + FLIGHT, 0);
        assert_int_equal(receive_at(now + FTUN_ACK_MEMORY / 8 - 1, FTUN_ACK, PEER_ISN + 1,
                                    i < 8 ? ISN + 1 : acknowledged - 7 * FLIGHT, 0),
                         FTUN_TAKEN);
        acknowledged += FLIGHT;
    }
}

/* Phantun acknowledges what has come last, and does not look at our ACKs: it never corrects it. */
static void phantun_may_acknowledge_less_for_ever(void **state)
{
    (void)state;
    struct ftun_tcp_header header;
    uint16_t ip_id;
    ftun_connection_connect(&c, start, start, &ftun_profile_phantun, 0, MSS, 0, &step);
    receive(FTUN_SYN | FTUN_ACK, 0, 1, 0);
    ftun_connection_data(&c, start, FLIGHT, 1, &header, &ip_id);
    receive(FTUN_ACK, 1, 1 + FLIGHT, 100);
    const uint64_t later = start + 100 * FTUN_SECOND;
    assert_int_equal(receive_at(later, FTUN_ACK, 101, 1, 100), FTUN_TAKEN);
    assert_int_equal(receive_at(later + 9 * FTUN_SECOND, FTUN_ACK, 201, 1, 100), FTUN_TAKEN);
    assert_int_equal(c.rcv_nxt, 301);
    assert_int_equal(receive_at(later, FTUN_ACK, 301, FLIGHT - FTUN_ACK_WINDOW, 100),
                     FTUN_REFUSED_ACK_UNACCEPTABLE);
}

static void a_fin_after_a_lost_burst_is_believed(void **state)
{
    (void)state;
    in_flight();
    assert_int_equal(receive(FTUN_FIN | FTUN_ACK, PEER_ISN + 1 + FTUN_FIN_GAP, ISN + 1, 0),
                     FTUN_TAKEN);
    assert_int_equal(c.state, FTUN_LAST_ACK);
}

static void a_fin_further_ahead_is_challenged_and_believed_when_it_is_repeated(void **state)
{
    (void)state;
    in_flight();
    const uint32_t fin = PEER_ISN + 2 + FTUN_FIN_GAP;
    assert_int_equal(receive(FTUN_FIN | FTUN_ACK, fin, ISN + 1, 0), FTUN_REFUSED_FIN_INEXACT);
    assert_string_equal(describe(), ". 2001 70537 65535");
    assert_int_equal(receive(FTUN_FIN | FTUN_ACK, fin, ISN + 1, 0), FTUN_TAKEN);
    assert_int_equal(c.state, FTUN_LAST_ACK);
}

/* What the FIN's sender acknowledges after it has a higher sequence number. */
static void a_fin_that_an_ack_has_overtaken_is_believed(void **state)
{
    (void)state;
    in_flight();
    receive(FTUN_ACK, PEER_ISN + 2, ISN + 1, 0);
    assert_int_equal(receive(FTUN_FIN | FTUN_ACK, PEER_ISN + 1, ISN + 1, 0), FTUN_TAKEN);
    assert_int_equal(c.state, FTUN_LAST_ACK);
}

static void a_fin_from_behind_or_with_an_old_ack_is_challenged(void **state)
{
    (void)state;
    in_flight();
    receive(FTUN_ACK, PEER_ISN + 3, ISN + 1 + FLIGHT, 0);
    assert_int_equal(receive(FTUN_FIN | FTUN_ACK, PEER_ISN + 1, ISN + 1 + FLIGHT, 0),
                     FTUN_REFUSED_FIN_INEXACT);
    assert_int_equal(receive(FTUN_FIN | FTUN_ACK, PEER_ISN + 2, ISN + 1, 0),
                     FTUN_REFUSED_FIN_INEXACT);
    assert_int_equal(c.state, FTUN_ESTABLISHED);
}

/* The guess is right, for once: the peer's next segment undoes it. */
static void a_false_jump_ends_with_the_peers_next_segment(void **state)
{
    (void)state;
    in_flight();
    receive(FTUN_ACK, PEER_ISN + 1, ISN + 1, 100);
    assert_int_equal(receive(FTUN_ACK, PEER_ISN + AHEAD, ISN + 1, 100), FTUN_TAKEN);
    assert_int_equal(c.rcv_nxt, PEER_ISN + AHEAD + 100);
    assert_int_equal(receive(FTUN_ACK, PEER_ISN + 101, ISN + 1, 100), FTUN_TAKEN);
    assert_true(step.deliver);
    assert_int_equal(c.rcv_nxt, PEER_ISN + 201);
}

static void a_peer_that_only_acknowledges_undoes_it_too(void **state)
{
    (void)state;
    in_flight();
    receive(FTUN_ACK, PEER_ISN + AHEAD, ISN + 1, 100);
    assert_int_equal(receive(FTUN_ACK, PEER_ISN + 1, ISN + 1 + FLIGHT, 0), FTUN_TAKEN);
    assert_int_equal(c.rcv_nxt, PEER_ISN + 1);
}

/* All of a flight was lost, then a straggler of it arrives after all. */
static void a_straggler_from_before_a_true_jump_costs_nothing(void **state)
{
    (void)state;
    in_flight();
    receive(FTUN_ACK, PEER_ISN + AHEAD, ISN + 1, 100);
    assert_int_equal(receive(FTUN_ACK, PEER_ISN + 1, ISN + 1, 100), FTUN_TAKEN);
    assert_true(step.deliver);
    assert_int_equal(receive(FTUN_ACK, PEER_ISN + AHEAD + 100, ISN + 1, 100), FTUN_TAKEN);
    assert_true(step.deliver);
    assert_int_equal(c.rcv_nxt, PEER_ISN + AHEAD + 200);
}

static void nothing_but_an_ack_of_the_flight_undoes_a_jump(void **state)
{
    (void)state;
    const struct {
        uint32_t sequence, ack;
        uint8_t flags;
    } cases[] = {
        {PEER_ISN + 1 + FTUN_LATE_WINDOW, ISN + 1, FTUN_ACK},
        {PEER_ISN - FTUN_LATE_WINDOW, ISN + 1, FTUN_ACK},
        {PEER_ISN + 1, ISN, FTUN_ACK},
        {PEER_ISN + 1, ISN + 1, FTUN_ACK | FTUN_RST},
        {PEER_ISN + 1, ISN + 1, FTUN_ACK | FTUN_SYN},
        {PEER_ISN + 1, ISN + 1, 0},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        in_flight();
        receive(FTUN_ACK, PEER_ISN + AHEAD, ISN + 1, 100);
        assert_int_equal(receive(cases[i].flags, cases[i].sequence, cases[i].ack, 100),
                         FTUN_REFUSED_SEQUENCE_OUTSIDE_WINDOW);
        assert_int_equal(c.rcv_nxt, PEER_ISN + AHEAD + 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_ahead_acknowledges_what_is_in_flight),
        cmocka_unit_test(a_late_segment_may_acknowledge_less),
        cmocka_unit_test(two_acks_may_change_places),
        cmocka_unit_test(what_was_acknowledged_long_ago_is_not_acknowledged_again),
        cmocka_unit_test(what_was_acknowledged_less_than_a_second_ago_may_be_again),
        cmocka_unit_test(phantun_may_acknowledge_less_for_ever),
        cmocka_unit_test(a_fin_after_a_lost_burst_is_believed),
        cmocka_unit_test(a_fin_further_ahead_is_challenged_and_believed_when_it_is_repeated),
        cmocka_unit_test(a_fin_that_an_ack_has_overtaken_is_believed),
        cmocka_unit_test(a_fin_from_behind_or_with_an_old_ack_is_challenged),
        cmocka_unit_test(a_false_jump_ends_with_the_peers_next_segment),
        cmocka_unit_test(a_peer_that_only_acknowledges_undoes_it_too),
        cmocka_unit_test(a_straggler_from_before_a_true_jump_costs_nothing),
        cmocka_unit_test(nothing_but_an_ack_of_the_flight_undoes_a_jump),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
