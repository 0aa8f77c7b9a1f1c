/* Payload, acknowledgments, the peer's window. */
#include "connection_fixture.h"

static void data_is_delivered_and_acknowledged_after_40_ms(void **state)
{
    (void)state;
    in_established();
    assert_int_equal(receive(FTUN_ACK, PEER_ISN + 1, ISN + 1, 100), FTUN_TAKEN);
    assert_string_equal(describe(), "deliver");
    ftun_connection_end_turn(&c, start, &step);
    assert_string_equal(describe(), "nothing");
    assert_int_equal(ftun_connection_deadline(&c, &timeouts), start + 40 * FTUN_MILLISECOND);
    ftun_connection_timeout(&c, start + 40 * FTUN_MILLISECOND, &timeouts, &step);
    assert_string_equal(describe(), ". 1001 5101 64240");
    assert_int_equal(ftun_connection_deadline(&c, &timeouts), start + idle);
}

static void two_segments_are_acknowledged_at_the_end_of_the_turn(void **state)
{
    (void)state;
    in_established();
    receive(FTUN_ACK, PEER_ISN + 1, ISN + 1, 100);
    receive(FTUN_ACK, PEER_ISN + 101, ISN + 1, 100);
    assert_string_equal(describe(), "deliver");
    ftun_connection_end_turn(&c, start, &step);
    assert_string_equal(describe(), ". 1001 5201 64240");
    ftun_connection_end_turn(&c, start, &step);
    assert_string_equal(describe(), "nothing");
}

static void the_first_segments_are_acknowledged_at_once(void **state)
{
    (void)state;
    in_established();
    c.quick_acks = FTUN_QUICK_ACKS;
    for (uint32_t i = 0; i < FTUN_QUICK_ACKS; i++) {
        receive(FTUN_ACK, PEER_ISN + 1 + i, ISN + 1, 1);
        ftun_connection_end_turn(&c, start, &step);
        assert_true(step.has_segment);
    }
    receive(FTUN_ACK, PEER_ISN + 1 + FTUN_QUICK_ACKS, ISN + 1, 1);
    ftun_connection_end_turn(&c, start, &step);
    assert_string_equal(describe(), "nothing");
}

/* Linux's ping-pong mode, tcp_event_data_sent(). */
static void data_that_are_no_answer_leave_acknowledgments_quick(void **state)
{
    (void)state;
    struct ftun_tcp_header header;
    uint16_t ip_id;
    in_established();
    c.quick_acks = FTUN_QUICK_ACKS;
    ftun_connection_data(&c, start, 10, 1, &header, &ip_id);
    assert_int_equal(c.quick_acks, FTUN_QUICK_ACKS);
    receive(FTUN_ACK, PEER_ISN + 1, ISN + 11, 100);
    ftun_connection_data(&c, start + FTUN_DELAYED_ACK, 10, 1, &header, &ip_id);
    assert_int_equal(c.quick_acks, FTUN_QUICK_ACKS - 1);
    ftun_connection_data(&c, start + FTUN_DELAYED_ACK - 1, 10, 1, &header, &ip_id);
    assert_int_equal(c.quick_acks, 0);
}

static void the_window_opens_with_what_is_received(void **state)
{
    (void)state;
    in_scaled();
    assert_string_equal(describe(), "established . 1001 5001 63");
    for (uint32_t i = 0; i < 60; i++)
        receive(FTUN_ACK, PEER_ISN + 1 + i * 1000, ISN + 1, 1000);
    ftun_connection_end_turn(&c, start, &step);
    assert_string_equal(describe(), ". 1001 65001 1001");
}

static void what_the_peer_may_send_is_what_was_advertised(void **state)
{
    (void)state;
    in_scaled();
    assert_int_equal(receive(FTUN_ACK, PEER_ISN + 63 * 1024, ISN + 1, 1), FTUN_TAKEN);
    in_scaled();
    assert_int_equal(receive(FTUN_ACK, PEER_ISN + 1 + 63 * 1024, ISN + 1, 1),
                     FTUN_REFUSED_SEQUENCE_OUTSIDE_WINDOW);
}

static void data_sent_carries_the_acknowledgment(void **state)
{
    (void)state;
    in_established();
    struct ftun_tcp_header header;
    uint16_t ip_id;
    receive(FTUN_ACK, PEER_ISN + 1, ISN + 1, 100);
    receive(FTUN_ACK, PEER_ISN + 101, ISN + 1, 100);
    ftun_connection_data(&c, start, 3000, 3, &header, &ip_id);
    assert_int_equal(header.sequence, ISN + 1);
    assert_int_equal(header.acknowledgment, PEER_ISN + 201);
    assert_int_equal(header.flags, FTUN_ACK | FTUN_PSH);
    assert_int_equal(header.window, 64240);
    assert_int_equal(ip_id, 79); /* SYN 77, ACK 78 */
    ftun_connection_data(&c, start, 10, 1, &header, &ip_id);
    assert_int_equal(header.sequence, ISN + 3001);
    assert_int_equal(ip_id, 82);
    ftun_connection_end_turn(&c, start, &step);
    assert_string_equal(describe(), "nothing");
    assert_int_equal(ftun_connection_deadline(&c, &timeouts), start + idle);
}

static void a_lost_segment_stays_lost_and_the_ack_moves_on(void **state)
{
    (void)state;
    in_established();
    receive(FTUN_ACK, PEER_ISN + 1001, ISN + 1, 100); /* 1000 bytes never come */
    assert_string_equal(describe(), "deliver");
    ftun_connection_timeout(&c, start + FTUN_SECOND, &timeouts, &step);
    assert_string_equal(describe(), ". 1001 6101 65535");
}

static void a_late_segment_is_delivered_and_moves_nothing(void **state)
{
    (void)state;
    in_established();
    receive(FTUN_ACK, PEER_ISN + 1001, ISN + 1, 100);
    assert_int_equal(receive(FTUN_ACK, PEER_ISN + 1, ISN + 1, 100), FTUN_TAKEN);
    assert_true(step.deliver);
    assert_int_equal(c.rcv_nxt, PEER_ISN + 1101);
}

static void segments_far_outside_the_window_are_challenged(void **state)
{
    (void)state;
    in_established();
    const uint32_t outside[] = {PEER_ISN + 1 + c.window.size, PEER_ISN - FTUN_LATE_WINDOW,
                                PEER_ISN + UINT32_C(0x80000000)};
    for (size_t i = 0; i < LENGTH(outside); i++) {
        in_established();
        assert_int_equal(receive(FTUN_ACK, outside[i], ISN + 1, 100),
                         FTUN_REFUSED_SEQUENCE_OUTSIDE_WINDOW);
        assert_string_equal(describe(), ". 1001 5001 64240");
    }
}

static void acks_of_what_was_never_sent_are_challenged(void **state)
{
    (void)state;
    in_established();
    assert_int_equal(receive(FTUN_ACK, PEER_ISN + 1, ISN + 2, 100), FTUN_REFUSED_ACK_UNACCEPTABLE);
    assert_string_equal(describe(), ". 1001 5001 64240");
    in_established();
    assert_int_equal(receive(FTUN_ACK, PEER_ISN + 1, ISN + 1 - FTUN_ACK_WINDOW - 1, 100),
                     FTUN_REFUSED_ACK_UNACCEPTABLE);
    assert_int_equal(receive(0, PEER_ISN + 1, 0, 100), FTUN_REFUSED_ACK_MISSING);
}

static void a_keepalive_probe_is_acknowledged(void **state)
{
    (void)state;
    in_established();
    assert_int_equal(receive(FTUN_ACK, PEER_ISN, ISN + 1, 0), FTUN_TAKEN);
    assert_string_equal(describe(), ". 1001 5001 64240");
}

static void sending_stops_at_the_peers_window_at_a_datagrams_end(void **state)
{
    (void)state;
    in_established(); /* the SYN-ACK's window is 501, not scaled, and its last byte stays free */
    assert_int_equal(ftun_connection_sendable(&c, start, 500, 100), 500);
    assert_int_equal(ftun_connection_sendable(&c, start, 600, 100), 500);
    assert_int_equal(ftun_connection_sendable(&c, start, 600, 300), 300);
    assert_int_equal(ftun_connection_sendable(&c, start, 500, 300), 500); /* 300 and 200 */
    assert_int_equal(ftun_connection_sendable(&c, start, 501, 501), 0);
}

static void an_ack_opens_the_window_again_and_an_old_one_does_not_close_it(void **state)
{
    (void)state;
    struct ftun_tcp_header header;
    uint16_t ip_id;
    in_established();
    c.peer_window_scale = 10;
    ftun_connection_data(&c, start, 500, 1, &header, &ip_id);
    assert_int_equal(ftun_connection_sendable(&c, start, 100, 100), 0);
    receive(FTUN_ACK, PEER_ISN + 1, ISN + 501, 0);
    assert_int_equal(ftun_connection_sendable(&c, start, 512000, 1000), 512000);
    receive(FTUN_ACK, PEER_ISN + 1, ISN + 1, 0);
    assert_int_equal(ftun_connection_sendable(&c, start, 512000, 1000), 512000);
}

/* F13: Phantun acknowledges after 128 MiB only, and until it has spoken its window is 64 KiB to
 * every middlebox: beyond it all would be dropped. */
static void F13_a_window_that_a_phantun_peer_does_not_move_is_used_again_at_once(void **state)
{
    (void)state;
    ftun_connection_connect(&c, start, start, &ftun_profile_phantun, 0, MSS, 0, &step);
    struct ftun_tcp_header header;
    uint16_t ip_id;
    receive(FTUN_SYN | FTUN_ACK, 0, 1, 0); /* its window is 501 */
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(ftun_connection_sendable(&c, start, 600, 100), 500);
        ftun_connection_data(&c, start, 500, 5, &header, &ip_id);
        assert_int_equal(header.sequence, 1);
    }
    c.peer_window_scale = 10;
    assert_int_equal(receive(FTUN_ACK, 1, 501, 100), FTUN_TAKEN);
    assert_int_equal(ftun_connection_sendable(&c, start, 10000000, 1000), 513000);
    ftun_connection_data(&c, start, 1000, 1, &header, &ip_id);
    assert_int_equal(header.sequence, 501);
}

/* All that was in flight is lost, and nobody sends it again: without this, no window would ever
 * open any more. */
static void a_window_shut_for_an_rto_is_given_up(void **state)
{
    (void)state;
    struct ftun_tcp_header header;
    uint16_t ip_id;
    in_established();
    assert_int_equal(ftun_connection_sendable(&c, start, 500, 100), 500);
    ftun_connection_data(&c, start, 500, 5, &header, &ip_id);
    const uint64_t rto = start + FTUN_RETRANSMIT_TIMEOUT;
    assert_int_equal(ftun_connection_sendable(&c, rto - 1, 100, 100), 0);
    assert_int_equal(ftun_connection_sendable(&c, rto, 100, 100), 100);
    ftun_connection_data(&c, start, 100, 1, &header, &ip_id);
    assert_int_equal(header.sequence, ISN + 1); /* again */
    assert_true(ftun_connection_valid(&c));
    /* and if the far end had received it all, its late ACK is believed */
    assert_int_equal(receive(FTUN_ACK, PEER_ISN + 1, ISN + 501, 0), FTUN_TAKEN);
    ftun_connection_data(&c, start, 100, 1, &header, &ip_id);
    assert_int_equal(header.sequence, ISN + 501);
}

static void a_window_with_room_is_not_given_up(void **state)
{
    (void)state;
    struct ftun_tcp_header header;
    uint16_t ip_id;
    in_established();
    ftun_connection_data(&c, start, 400, 4, &header, &ip_id);
    const uint64_t later = start + 10 * FTUN_RETRANSMIT_TIMEOUT;
    assert_int_equal(ftun_connection_sendable(&c, later, 100, 100), 100);
    assert_int_equal(c.snd_nxt, ISN + 401);
}

static void a_window_given_up_is_not_given_up_again_at_once(void **state)
{
    (void)state;
    struct ftun_tcp_header header;
    uint16_t ip_id;
    in_established();
    ftun_connection_data(&c, start, 500, 5, &header, &ip_id);
    const uint64_t rto = start + FTUN_RETRANSMIT_TIMEOUT;
    assert_int_equal(ftun_connection_sendable(&c, rto, 500, 100), 500);
    ftun_connection_data(&c, start, 500, 5, &header, &ip_id);
    assert_int_equal(ftun_connection_sendable(&c, rto + 1, 100, 100), 0);
    assert_int_equal(ftun_connection_sendable(&c, rto + FTUN_RETRANSMIT_TIMEOUT, 100, 100), 100);
}

static void the_time_before_a_burst_does_not_count_for_its_loss(void **state)
{
    (void)state;
    struct ftun_tcp_header header;
    uint16_t ip_id;
    in_established();
    const uint64_t later = start + 60 * FTUN_SECOND;
    assert_int_equal(ftun_connection_sendable(&c, later, 500, 100), 500);
    ftun_connection_data(&c, start, 500, 5, &header, &ip_id);
    assert_int_equal(ftun_connection_sendable(&c, later + 1, 100, 100), 0);
}

static void a_window_that_moves_is_not_given_up(void **state)
{
    (void)state;
    struct ftun_tcp_header header;
    uint16_t ip_id;
    in_established();
    ftun_connection_data(&c, start, 500, 5, &header, &ip_id);
    receive_at(start + FTUN_RETRANSMIT_TIMEOUT, FTUN_ACK, PEER_ISN + 1, ISN + 101, 0);
    ftun_connection_data(&c, start, 100, 1, &header, &ip_id);
    assert_int_equal(ftun_connection_sendable(&c, start + FTUN_RETRANSMIT_TIMEOUT + 1, 100, 100),
                     0);
}

static void sequence_numbers_wrap(void **state)
{
    (void)state;
    struct ftun_tcp_header header;
    uint16_t ip_id;
    ftun_connection_connect(&c, start, start, &ftun_profile_linux, UINT32_MAX, MSS, 0, &step);
    receive(FTUN_SYN | FTUN_ACK, UINT32_MAX, 0, 0);
    assert_string_equal(describe(), "established . 0 0 64240");
    c.snd_edge = 1000000;
    c.snd_nxt = c.snd_una = UINT32_MAX - 49;
    c.rcv_nxt = UINT32_MAX - 49;
    ftun_connection_data(&c, start, 100, 1, &header, &ip_id);
    assert_int_equal(c.snd_nxt, 50);
    receive(FTUN_ACK, UINT32_MAX - 49, 50, 100);
    assert_true(step.deliver);
    assert_int_equal(c.rcv_nxt, 50);
    assert_int_equal(c.snd_una, 50);
}

/* A hostile peer's ACKs may never come: sequence numbers stay comparable. */
static void a_peer_that_acknowledges_nothing_for_gigabytes_is_still_understood(void **state)
{
    (void)state;
    struct ftun_tcp_header header;
    uint16_t ip_id;
    ftun_connection_connect(&c, start, start, &ftun_profile_phantun, 0, MSS, 0, &step);
    receive(FTUN_SYN | FTUN_ACK, 0, 1, 0);
    c.snd_edge = 1 + (UINT32_C(65535) << FTUN_WINDOW_SCALE_MAX);
    for (uint64_t sent = 0; sent < UINT64_C(10) << 30; sent += 60000) {
        assert_int_equal(ftun_connection_sendable(&c, start, 60000, 1000), 60000);
        ftun_connection_data(&c, start, 60000, 60, &header, &ip_id);
        assert_true(ftun_connection_valid(&c));
    }
    assert_int_equal(receive(FTUN_ACK, 1, c.snd_nxt, 100), FTUN_TAKEN);
    assert_string_equal(describe(), "deliver");
    assert_int_equal(c.snd_una, c.snd_nxt);
}

/* A whole flight was lost: nothing comes that the peer could acknowledge. */
static void a_full_window_is_told_how_far_this_end_has_come(void **state)
{
    (void)state;
    struct ftun_tcp_header header;
    uint16_t ip_id;
    in_established(); /* a window of 500, its last byte kept */
    ftun_connection_data(&c, start, 400, 1, &header, &ip_id);
    assert_int_equal(ftun_connection_sendable(&c, start, 200, 200), 0);
    ftun_connection_probe_window(&c, start);
    ftun_connection_end_turn(&c, start, &step);
    assert_string_equal(describe(), ". 1401 5001 64240");
    ftun_connection_probe_window(&c, start + FTUN_WINDOW_PROBE_INTERVAL - 1);
    ftun_connection_end_turn(&c, start + FTUN_WINDOW_PROBE_INTERVAL - 1, &step);
    assert_string_equal(describe(), "nothing");
    ftun_connection_probe_window(&c, start + FTUN_WINDOW_PROBE_INTERVAL);
    ftun_connection_end_turn(&c, start + FTUN_WINDOW_PROBE_INTERVAL, &step);
    assert_string_equal(describe(), ". 1401 5001 64240");
}

static void an_ack_that_tells_of_a_loss_is_acknowledged_at_once(void **state)
{
    (void)state;
    in_established();
    receive(FTUN_ACK, PEER_ISN + 1001, ISN + 1, 0);
    ftun_connection_end_turn(&c, start, &step);
    assert_int_equal(step.segment.acknowledgment, PEER_ISN + 1001);
    receive(FTUN_ACK, PEER_ISN + 1001, ISN + 1,
            0); /* nothing new: two ends do not go on for ever */
    ftun_connection_end_turn(&c, start, &step);
    assert_string_equal(describe(), "nothing");
}

/* Whatever ACK follows a FIN is for the FIN; and Phantun's peers answer none. */
static void only_a_live_peer_that_acknowledges_is_told_or_asked(void **state)
{
    (void)state;
    in_fin_wait_1();
    ftun_connection_probe_window(&c, start);
    ftun_connection_end_turn(&c, start, &step);
    assert_string_equal(describe(), "nothing");
    ftun_connection_connect(&c, start, start, &ftun_profile_phantun, 0, MSS, 0, &step);
    receive(FTUN_SYN | FTUN_ACK, 0, 1, 0);
    ftun_connection_probe_window(&c, start);
    ftun_connection_end_turn(&c, start, &step);
    assert_string_equal(describe(), "nothing");
    ftun_connection_ask(&c, start);
    assert_int_equal(c.liveness.asked_at, FTUN_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_is_delivered_and_acknowledged_after_40_ms),
        cmocka_unit_test(two_segments_are_acknowledged_at_the_end_of_the_turn),
        cmocka_unit_test(the_first_segments_are_acknowledged_at_once),
        cmocka_unit_test(data_that_are_no_answer_leave_acknowledgments_quick),
        cmocka_unit_test(the_window_opens_with_what_is_received),
        cmocka_unit_test(what_the_peer_may_send_is_what_was_advertised),
        cmocka_unit_test(data_sent_carries_the_acknowledgment),
        cmocka_unit_test(a_lost_segment_stays_lost_and_the_ack_moves_on),
        cmocka_unit_test(a_late_segment_is_delivered_and_moves_nothing),
        cmocka_unit_test(segments_far_outside_the_window_are_challenged),
        cmocka_unit_test(acks_of_what_was_never_sent_are_challenged),
        cmocka_unit_test(a_keepalive_probe_is_acknowledged),
        cmocka_unit_test(sending_stops_at_the_peers_window_at_a_datagrams_end),
        cmocka_unit_test(an_ack_opens_the_window_again_and_an_old_one_does_not_close_it),
        cmocka_unit_test(F13_a_window_that_a_phantun_peer_does_not_move_is_used_again_at_once),
        cmocka_unit_test(a_window_shut_for_an_rto_is_given_up),
        cmocka_unit_test(a_window_with_room_is_not_given_up),
        cmocka_unit_test(a_window_given_up_is_not_given_up_again_at_once),
        cmocka_unit_test(the_time_before_a_burst_does_not_count_for_its_loss),
        cmocka_unit_test(a_window_that_moves_is_not_given_up),
        cmocka_unit_test(sequence_numbers_wrap),
        cmocka_unit_test(a_peer_that_acknowledges_nothing_for_gigabytes_is_still_understood),
        cmocka_unit_test(a_full_window_is_told_how_far_this_end_has_come),
        cmocka_unit_test(only_a_live_peer_that_acknowledges_is_told_or_asked),
        cmocka_unit_test(an_ack_that_tells_of_a_loss_is_acknowledged_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
