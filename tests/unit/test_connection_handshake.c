/* CLOSED and SYN_SENT with every event; what a listener hands over. */
#include "connection_fixture.h"

static void connect_sends_a_syn_as_linux_does(void **state)
{
    (void)state;
    in_syn_sent();
    assert_string_equal(describe(), "S 1000 0 64240");
    const uint8_t options[] = {2, 4, 0x05, 0xb4, 1, 1, 4, 2, 1, 3, 3, 10};
    assert_int_equal(step.segment.options_len, sizeof options);
    assert_memory_equal(step.segment.options, options, sizeof options);
    assert_int_equal(step.ip_id, 77);
    assert_int_equal(c.state, FTUN_SYN_SENT);
}

static void connect_sends_a_syn_as_phantun_does(void **state)
{
    (void)state;
    ftun_connection_connect(&c, start, start, &ftun_profile_phantun, ISN, MSS, 77, &step);
    assert_string_equal(describe(), "S 0 0 65535");
    const uint8_t options[] = {1, 3, 3, 14};
    assert_int_equal(step.segment.options_len, sizeof options);
    assert_memory_equal(step.segment.options, options, sizeof options);
    assert_int_equal(step.ip_id, 0);
}

static void a_syn_ack_establishes(void **state)
{
    (void)state;
    in_syn_sent();
    assert_int_equal(receive(FTUN_SYN | FTUN_ACK, PEER_ISN, ISN + 1, 0), FTUN_TAKEN);
    assert_string_equal(describe(), "established . 1001 5001 64240");
    assert_int_equal(c.state, FTUN_ESTABLISHED);
    assert_int_equal(ftun_connection_deadline(&c, &timeouts), start + idle);
}

static void the_peers_mss_lowers_ours_and_never_raises_it(void **state)
{
    (void)state;
    const uint8_t low[] = {2, 4, 0x05, 0x14}, high[] = {2, 4, 0xff, 0xff}, tiny[] = {2, 4, 0, 1},
                  none[] = {2, 4, 0, 0};
    struct ftun_tcp_header tcp = {.sequence = PEER_ISN,
                                  .acknowledgment = ISN + 1,
                                  .flags = FTUN_SYN | FTUN_ACK,
                                  .options_len = 4};
    in_syn_sent();
    memcpy(tcp.options, low, 4);
    ftun_connection_segment(&c, start, &tcp, 0, 0, &step);
    assert_int_equal(c.mss, 1300);
    in_syn_sent();
    memcpy(tcp.options, high, 4);
    ftun_connection_segment(&c, start, &tcp, 0, 0, &step);
    assert_int_equal(c.mss, MSS);
    in_syn_sent();
    memcpy(tcp.options, tiny, 4);
    ftun_connection_segment(&c, start, &tcp, 0, 0, &step);
    assert_int_equal(c.mss, 88); /* Linux's TCP_MIN_MSS: less is of no use to anybody */
    in_syn_sent();
    memcpy(tcp.options, none, 4);
    ftun_connection_segment(&c, start, &tcp, 0, 0, &step);
    assert_int_equal(c.mss, MSS);
}

static void a_refused_syn_ends(void **state)
{
    (void)state;
    in_syn_sent();
    assert_int_equal(receive(FTUN_RST | FTUN_ACK, 0, ISN + 1, 0), FTUN_TAKEN);
    assert_string_equal(describe(), "closed(refused by the peer: nothing listens there) gone");
}

static void F08_a_blind_rst_does_not_end_a_handshake(void **state)
{
    (void)state;
    in_syn_sent();
    assert_int_equal(receive(FTUN_RST | FTUN_ACK, 0, ISN + 2, 0), FTUN_REFUSED_RST_INEXACT);
    assert_string_equal(describe(), "nothing");
    assert_int_equal(receive(FTUN_RST, 0, 0, 0), FTUN_REFUSED_RST_INEXACT);
    assert_string_equal(describe(), "nothing");
    assert_int_equal(c.state, FTUN_SYN_SENT);
}

static void an_old_ack_in_a_handshake_is_answered_by_rst(void **state)
{
    (void)state;
    in_syn_sent();
    assert_int_equal(receive(FTUN_ACK, 9, 900, 0), FTUN_REFUSED_ACK_UNACCEPTABLE);
    assert_string_equal(describe(), "R 900 0 0");
    assert_int_equal(c.state, FTUN_SYN_SENT);
}

static void a_simultaneous_open_is_unsupported(void **state)
{
    (void)state;
    in_syn_sent();
    assert_int_equal(receive(FTUN_SYN, 9, 0, 0), FTUN_REFUSED_UNSUPPORTED_SIMULTANEOUS_OPEN);
    assert_string_equal(describe(), "nothing");
}

static void data_before_the_syn_ack_is_refused(void **state)
{
    (void)state;
    in_syn_sent();
    assert_int_equal(receive(FTUN_ACK, 9, ISN + 1, 10), FTUN_REFUSED_SEQUENCE_OUTSIDE_WINDOW);
    assert_string_equal(describe(), "nothing");
}

static void a_syn_is_repeated_each_second_four_times_then_given_up(void **state)
{
    (void)state;
    in_syn_sent();
    for (unsigned i = 1; i <= FTUN_SYN_RETRIES; i++) {
        assert_int_equal(ftun_connection_deadline(&c, &timeouts), start + i * FTUN_SECOND);
        ftun_connection_timeout(&c, start + i * FTUN_SECOND, &timeouts, &step);
        assert_string_equal(describe(), "S 1000 0 64240");
    }
    ftun_connection_timeout(&c, start + 5 * FTUN_SECOND, &timeouts, &step);
    assert_string_equal(describe(), "closed(no answer to the handshake) gone");
    assert_int_equal(ftun_connection_deadline(&c, &timeouts), FTUN_NEVER);
}

static void accept_takes_over_where_the_cookie_ended(void **state)
{
    (void)state;
    const struct ftun_tcp_header ack = {
        .sequence = 42, .acknowledgment = 4243, .window = 500, .flags = FTUN_ACK};
    ftun_connection_accept(&c, start, &ftun_profile_linux, &ack, 1400, 7, 1);
    assert_int_equal(c.state, FTUN_ESTABLISHED);
    assert_int_equal(ftun_connection_segment(&c, start, &ack, 0, 0, &step), FTUN_TAKEN);
    assert_string_equal(describe(), "nothing");
    assert_int_equal(c.snd_nxt, 4243);
    assert_int_equal(c.rcv_nxt, 42);
    assert_int_equal(c.snd_edge, 4243 + (500 << 7));
}

static void an_answer_to_old_acks_in_a_handshake_is_limited(void **state)
{
    (void)state;
    in_syn_sent();
    receive(FTUN_ACK, 9, 900, 0);
    assert_string_equal(describe(), "R 900 0 0");
    assert_int_equal(step.ip_id, 0); /* as Linux */
    assert_int_equal(receive(FTUN_ACK, 9, 900, 0), FTUN_REFUSED_ACK_UNACCEPTABLE);
    assert_string_equal(describe(), "nothing");
}

static void idleness_begins_when_the_handshake_ends(void **state)
{
    (void)state;
    in_syn_sent();
    receive_at(start + 2 * FTUN_SECOND, FTUN_SYN | FTUN_ACK, PEER_ISN, ISN + 1, 0);
    assert_int_equal(ftun_connection_deadline(&c, &timeouts), start + 2 * FTUN_SECOND + idle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connect_sends_a_syn_as_linux_does),
        cmocka_unit_test(connect_sends_a_syn_as_phantun_does),
        cmocka_unit_test(a_syn_ack_establishes),
        cmocka_unit_test(the_peers_mss_lowers_ours_and_never_raises_it),
        cmocka_unit_test(a_refused_syn_ends),
        cmocka_unit_test(F08_a_blind_rst_does_not_end_a_handshake),
        cmocka_unit_test(an_old_ack_in_a_handshake_is_answered_by_rst),
        cmocka_unit_test(a_simultaneous_open_is_unsupported),
        cmocka_unit_test(data_before_the_syn_ack_is_refused),
        cmocka_unit_test(a_syn_is_repeated_each_second_four_times_then_given_up),
        cmocka_unit_test(accept_takes_over_where_the_cookie_ended),
        cmocka_unit_test(an_answer_to_old_acks_in_a_handshake_is_limited),
        cmocka_unit_test(idleness_begins_when_the_handshake_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
