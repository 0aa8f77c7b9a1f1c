/* Every state with every event: the exact step. A step is written as text:
 * words for what the caller is to do, then the segment as "FLAGS sequence ack window". */
#include "connection.h"
#include "text.h"
#include "unit.h"

enum { ISN = 1000, PEER_ISN = 5000, MSS = 1460 };

static const uint64_t start = 100 * FTUN_SECOND;
static const uint64_t idle = 180 * FTUN_SECOND;

static struct ftun_connection c;
static struct ftun_step step;
static char described[256];

static void write_flags(struct ftun_text *text, uint8_t flags)
{
    static const char letters[] = "FSRP.";
    for (unsigned i = 0; i < 5; i++)
        if ((flags & (1u << i)) != 0)
            ftun_text_char(text, letters[i]);
}

static void write_segment(struct ftun_text *text)
{
    ftun_text_char(text, ' ');
    write_flags(text, step.segment.flags);
    ftun_text_char(text, ' ');
    ftun_text_unsigned(text, step.segment.sequence);
    ftun_text_char(text, ' ');
    ftun_text_unsigned(text, step.segment.acknowledgment);
    ftun_text_char(text, ' ');
    ftun_text_unsigned(text, step.segment.window);
}

static const char *describe(void)
{
    struct ftun_text text = ftun_text_start(described, sizeof described);
    if (step.deliver)
        ftun_text_string(&text, " deliver");
    if (step.established)
        ftun_text_string(&text, " established");
    if (step.closed != FTUN_STILL_OPEN) {
        ftun_text_string(&text, " closed(");
        ftun_text_string(&text, ftun_close_reason_text(step.closed));
        ftun_text_char(&text, ')');
    }
    if (step.has_segment)
        write_segment(&text);
    if (step.gone)
        ftun_text_string(&text, " gone");
    assert_true(ftun_connection_valid(&c));
    return described[0] == '\0' ? "nothing" : described + 1;
}

static enum ftun_refusal receive_at(uint64_t now_ns, uint8_t flags, uint32_t sequence, uint32_t ack,
                                    size_t payload_len)
{
    const struct ftun_tcp_header tcp = {
        .sequence = sequence, .acknowledgment = ack, .window = 500, .flags = flags};
    return ftun_connection_segment(&c, now_ns, &tcp, payload_len, payload_len > 0 ? 1 : 0, &step);
}

static enum ftun_refusal receive(uint8_t flags, uint32_t sequence, uint32_t ack, size_t payload_len)
{
    return receive_at(start, flags, sequence, ack, payload_len);
}

static void in_syn_sent(void)
{
    ftun_connection_connect(&c, start, &ftun_profile_linux, ISN, MSS, 77, &step);
}

/* snd_nxt is ISN + 1, rcv_nxt PEER_ISN + 1; nothing is unacknowledged. */
static void in_established(void)
{
    in_syn_sent();
    receive(FTUN_SYN | FTUN_ACK, PEER_ISN, ISN + 1, 0);
    c.quick_acks = 0;
}

static void in_fin_wait_1(void)
{
    in_established();
    ftun_connection_close(&c, start, FTUN_CLOSED_LOCALLY, &step);
}

static void in_fin_wait_2(void)
{
    in_fin_wait_1();
    receive(FTUN_ACK, PEER_ISN + 1, ISN + 2, 0);
}

static void in_closing(void)
{
    in_fin_wait_1();
    receive(FTUN_FIN | FTUN_ACK, PEER_ISN + 1, ISN + 1, 0);
}

static void in_last_ack(void)
{
    in_established();
    receive(FTUN_FIN | FTUN_ACK, PEER_ISN + 1, ISN + 1, 0);
}

static void in_time_wait(void)
{
    in_fin_wait_2();
    receive(FTUN_FIN | FTUN_ACK, PEER_ISN + 1, ISN + 2, 0);
}

static const struct {
    enum ftun_state state;
    void (*enter)(void);
} synchronized[] = {
    {FTUN_ESTABLISHED, in_established}, {FTUN_FIN_WAIT_1, in_fin_wait_1},
    {FTUN_FIN_WAIT_2, in_fin_wait_2},   {FTUN_CLOSING, in_closing},
    {FTUN_LAST_ACK, in_last_ack},       {FTUN_TIME_WAIT, in_time_wait},
};

/* --- opening ------------------------------------------------------------------------------ */

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
    ftun_connection_connect(&c, start, &ftun_profile_phantun, ISN, MSS, 77, &step);
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
    assert_string_equal(describe(), "established . 1001 5001 65535");
    assert_int_equal(c.state, FTUN_ESTABLISHED);
    assert_int_equal(ftun_connection_deadline(&c, idle), start + idle);
}

static void the_peers_mss_lowers_ours_and_never_raises_it(void **state)
{
    (void)state;
    const uint8_t low[] = {2, 4, 0x05, 0x14}, high[] = {2, 4, 0xff, 0xff};
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
        assert_int_equal(ftun_connection_deadline(&c, idle), start + i * FTUN_SECOND);
        ftun_connection_timeout(&c, start + i * FTUN_SECOND, idle, &step);
        assert_string_equal(describe(), "S 1000 0 64240");
    }
    ftun_connection_timeout(&c, start + 5 * FTUN_SECOND, idle, &step);
    assert_string_equal(describe(), "closed(no answer to the handshake) gone");
    assert_int_equal(ftun_connection_deadline(&c, idle), FTUN_NEVER);
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

/* --- data --------------------------------------------------------------------------------- */

static void data_is_delivered_and_acknowledged_after_40_ms(void **state)
{
    (void)state;
    in_established();
    assert_int_equal(receive(FTUN_ACK, PEER_ISN + 1, ISN + 1, 100), FTUN_TAKEN);
    assert_string_equal(describe(), "deliver");
    ftun_connection_end_turn(&c, &step);
    assert_string_equal(describe(), "nothing");
    assert_int_equal(ftun_connection_deadline(&c, idle), start + 40 * FTUN_MILLISECOND);
    ftun_connection_timeout(&c, start + 40 * FTUN_MILLISECOND, idle, &step);
    assert_string_equal(describe(), ". 1001 5101 65535");
    assert_int_equal(ftun_connection_deadline(&c, idle), start + idle);
}

static void two_segments_are_acknowledged_at_the_end_of_the_turn(void **state)
{
    (void)state;
    in_established();
    receive(FTUN_ACK, PEER_ISN + 1, ISN + 1, 100);
    receive(FTUN_ACK, PEER_ISN + 101, ISN + 1, 100);
    assert_string_equal(describe(), "deliver");
    ftun_connection_end_turn(&c, &step);
    assert_string_equal(describe(), ". 1001 5201 65535");
    ftun_connection_end_turn(&c, &step);
    assert_string_equal(describe(), "nothing");
}

static void the_first_segments_are_acknowledged_at_once(void **state)
{
    (void)state;
    in_established();
    c.quick_acks = FTUN_QUICK_ACKS;
    for (uint32_t i = 0; i < FTUN_QUICK_ACKS; i++) {
        receive(FTUN_ACK, PEER_ISN + 1 + i, ISN + 1, 1);
        ftun_connection_end_turn(&c, &step);
        assert_true(step.has_segment);
    }
    receive(FTUN_ACK, PEER_ISN + 1 + FTUN_QUICK_ACKS, ISN + 1, 1);
    ftun_connection_end_turn(&c, &step);
    assert_string_equal(describe(), "nothing");
}

static void data_sent_carries_the_acknowledgment(void **state)
{
    (void)state;
    in_established();
    struct ftun_tcp_header header;
    uint16_t ip_id;
    receive(FTUN_ACK, PEER_ISN + 1, ISN + 1, 100);
    receive(FTUN_ACK, PEER_ISN + 101, ISN + 1, 100);
    ftun_connection_data(&c, 3000, 3, &header, &ip_id);
    assert_int_equal(header.sequence, ISN + 1);
    assert_int_equal(header.acknowledgment, PEER_ISN + 201);
    assert_int_equal(header.flags, FTUN_ACK | FTUN_PSH);
    assert_int_equal(header.window, 65535);
    assert_int_equal(ip_id, 79); /* SYN 77, ACK 78 */
    ftun_connection_data(&c, 10, 1, &header, &ip_id);
    assert_int_equal(header.sequence, ISN + 3001);
    assert_int_equal(ip_id, 82);
    ftun_connection_end_turn(&c, &step);
    assert_string_equal(describe(), "nothing");
    assert_int_equal(ftun_connection_deadline(&c, idle), start + idle);
}

static void a_lost_segment_stays_lost_and_the_ack_moves_on(void **state)
{
    (void)state;
    in_established();
    receive(FTUN_ACK, PEER_ISN + 1001, ISN + 1, 100); /* 1000 bytes never come */
    assert_string_equal(describe(), "deliver");
    ftun_connection_timeout(&c, start + FTUN_SECOND, idle, &step);
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
    const uint32_t outside[] = {PEER_ISN + 1 + FTUN_WINDOW, PEER_ISN - FTUN_LATE_WINDOW,
                                PEER_ISN + UINT32_C(0x80000000)};
    for (size_t i = 0; i < LENGTH(outside); i++) {
        in_established();
        assert_int_equal(receive(FTUN_ACK, outside[i], ISN + 1, 100),
                         FTUN_REFUSED_SEQUENCE_OUTSIDE_WINDOW);
        assert_string_equal(describe(), ". 1001 5001 65535");
    }
}

static void acks_of_what_was_never_sent_are_challenged(void **state)
{
    (void)state;
    in_established();
    assert_int_equal(receive(FTUN_ACK, PEER_ISN + 1, ISN + 2, 100), FTUN_REFUSED_ACK_UNACCEPTABLE);
    assert_string_equal(describe(), ". 1001 5001 65535");
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
    assert_string_equal(describe(), ". 1001 5001 65535");
}

/* --- windows ------------------------------------------------------------------------------ */

static void sending_stops_at_the_peers_window_at_a_datagrams_end(void **state)
{
    (void)state;
    in_established(); /* the SYN-ACK's window is 500, not scaled */
    assert_int_equal(ftun_connection_sendable(&c, start, 500, 100), 500);
    assert_int_equal(ftun_connection_sendable(&c, start, 600, 100), 500);
    assert_int_equal(ftun_connection_sendable(&c, start, 600, 300), 300);
    assert_int_equal(ftun_connection_sendable(&c, start, 501, 501), 0);
}

static void an_ack_opens_the_window_again_and_an_old_one_does_not_close_it(void **state)
{
    (void)state;
    struct ftun_tcp_header header;
    uint16_t ip_id;
    in_established();
    c.peer_window_scale = 10;
    ftun_connection_data(&c, 500, 1, &header, &ip_id);
    assert_int_equal(ftun_connection_sendable(&c, start, 100, 100), 0);
    receive(FTUN_ACK, PEER_ISN + 1, ISN + 501, 0);
    assert_int_equal(ftun_connection_sendable(&c, start, 512000, 1000), 512000);
    receive(FTUN_ACK, PEER_ISN + 1, ISN + 1, 0);
    assert_int_equal(ftun_connection_sendable(&c, start, 512000, 1000), 512000);
}

/* F13: Phantun acknowledges after 128 MiB only; its window means nothing. */
static void F13_a_phantun_peers_window_does_not_stop_us(void **state)
{
    (void)state;
    ftun_connection_connect(&c, start, &ftun_profile_phantun, 0, MSS, 0, &step);
    receive(FTUN_SYN | FTUN_ACK, 0, 1, 0);
    assert_int_equal(ftun_connection_sendable(&c, start, 10000000, 1000), 10000000);
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
    ftun_connection_data(&c, 500, 5, &header, &ip_id);
    const uint64_t rto = start + FTUN_RETRANSMIT_TIMEOUT;
    assert_int_equal(ftun_connection_sendable(&c, rto - 1, 100, 100), 0);
    assert_int_equal(ftun_connection_sendable(&c, rto, 100, 100), 100);
    ftun_connection_data(&c, 100, 1, &header, &ip_id);
    assert_int_equal(header.sequence, ISN + 1); /* again */
    assert_true(ftun_connection_valid(&c));
    /* and if the far end had received it all, its late ACK is believed */
    assert_int_equal(receive(FTUN_ACK, PEER_ISN + 1, ISN + 501, 0), FTUN_TAKEN);
    ftun_connection_data(&c, 100, 1, &header, &ip_id);
    assert_int_equal(header.sequence, ISN + 501);
}

static void a_window_that_moves_is_not_given_up(void **state)
{
    (void)state;
    struct ftun_tcp_header header;
    uint16_t ip_id;
    in_established();
    ftun_connection_data(&c, 500, 5, &header, &ip_id);
    receive_at(start + FTUN_RETRANSMIT_TIMEOUT, FTUN_ACK, PEER_ISN + 1, ISN + 101, 0);
    ftun_connection_data(&c, 100, 1, &header, &ip_id);
    assert_int_equal(ftun_connection_sendable(&c, start + FTUN_RETRANSMIT_TIMEOUT + 1, 100, 100),
                     0);
}

static void F10_challenges_are_limited_for_each_connection(void **state)
{
    (void)state;
    in_established();
    receive(FTUN_SYN, PEER_ISN + 1, 0, 0);
    assert_string_equal(describe(), ". 1001 5001 65535");
    receive(FTUN_SYN, PEER_ISN + 1, 0, 0);
    assert_string_equal(describe(), "nothing");
    receive_at(start + FTUN_CHALLENGE_INTERVAL, FTUN_SYN, PEER_ISN + 1, 0, 0);
    assert_string_equal(describe(), ". 1001 5001 65535");
}

/* --- RST and SYN: RFC 5961 ---------------------------------------------------------------- */

static void F08_only_the_exact_rst_resets(void **state)
{
    (void)state;
    in_established();
    assert_int_equal(receive(FTUN_RST, PEER_ISN + 2, 0, 0), FTUN_REFUSED_RST_INEXACT);
    assert_string_equal(describe(), ". 1001 5001 65535");
    assert_int_equal(receive(FTUN_RST, PEER_ISN + 1 + FTUN_WINDOW, 0, 0),
                     FTUN_REFUSED_SEQUENCE_OUTSIDE_WINDOW);
    assert_string_equal(describe(), "nothing");
    assert_int_equal(receive(FTUN_RST, PEER_ISN + 1, 0, 0), FTUN_TAKEN);
    assert_string_equal(describe(), "closed(reset by the peer) gone");
}

static void F08_an_exact_rst_ends_each_closing_state_silently(void **state)
{
    (void)state;
    for (size_t i = 1; i < LENGTH(synchronized); i++) {
        synchronized[i].enter();
        assert_int_equal(c.state, synchronized[i].state);
        assert_int_equal(receive(FTUN_RST, c.rcv_nxt, 0, 0), FTUN_TAKEN);
        assert_string_equal(describe(), "gone");
    }
}

static void F08_a_syn_in_a_connection_is_challenged_in_every_state(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(synchronized); i++) {
        synchronized[i].enter();
        c.challenge_after = 0;
        const uint32_t snd_nxt = c.snd_nxt, rcv_nxt = c.rcv_nxt;
        assert_int_equal(receive(FTUN_SYN, rcv_nxt, 0, 0), FTUN_REFUSED_SYN_IN_CONNECTION);
        assert_true(step.has_segment && !step.gone);
        assert_int_equal(step.segment.flags, FTUN_ACK);
        assert_int_equal(step.segment.sequence, snd_nxt);
        assert_int_equal(step.segment.acknowledgment, rcv_nxt);
        assert_int_equal(c.state, synchronized[i].state);
    }
}

/* --- closing ------------------------------------------------------------------------------ */

static void close_sends_fin_and_ends_the_flow(void **state)
{
    (void)state;
    in_fin_wait_1();
    assert_string_equal(describe(), "closed(closed by this end) F. 1001 5001 65535");
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
    ftun_connection_connect(&c, start, &ftun_profile_phantun, 0, MSS, 0, &step);
    receive(FTUN_SYN | FTUN_ACK, 0, 1, 0);
    ftun_connection_close(&c, start, FTUN_CLOSED_LOCALLY, &step);
    assert_string_equal(describe(), "closed(closed by this end) R 1 0 0 gone");
}

static void a_fin_is_answered_by_our_own(void **state)
{
    (void)state;
    in_last_ack();
    assert_string_equal(describe(), "closed(closed by the peer) F. 1001 5002 65535");
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
    assert_string_equal(describe(), "deliver closed(closed by the peer) F. 1001 5102 65535");
}

static void the_usual_close(void **state)
{
    (void)state;
    in_fin_wait_1();
    receive(FTUN_ACK, PEER_ISN + 1, ISN + 2, 0);
    assert_string_equal(describe(), "nothing");
    assert_int_equal(c.state, FTUN_FIN_WAIT_2);
    receive(FTUN_FIN | FTUN_ACK, PEER_ISN + 1, ISN + 2, 0);
    assert_string_equal(describe(), ". 1002 5002 65535");
    assert_int_equal(c.state, FTUN_TIME_WAIT);
}

static void a_fin_that_acknowledges_ours_ends_both_directions(void **state)
{
    (void)state;
    in_fin_wait_1();
    receive(FTUN_FIN | FTUN_ACK, PEER_ISN + 1, ISN + 2, 0);
    assert_string_equal(describe(), ". 1002 5002 65535");
    assert_int_equal(c.state, FTUN_TIME_WAIT);
}

static void both_ends_may_close_at_once(void **state)
{
    (void)state;
    in_closing();
    assert_string_equal(describe(), ". 1002 5002 65535");
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
    receive(FTUN_FIN | FTUN_ACK, PEER_ISN + 1, ISN + 2, 0);
    assert_string_equal(describe(), ". 1002 5002 65535");
    in_last_ack();
    receive(FTUN_FIN | FTUN_ACK, PEER_ISN + 1, ISN + 1, 0);
    assert_string_equal(describe(), "F. 1001 5002 65535");
    in_closing();
    receive(FTUN_FIN | FTUN_ACK, PEER_ISN + 1, ISN + 1, 0);
    assert_string_equal(describe(), ". 1002 5002 65535");
}

static void a_fin_is_repeated_each_second_three_times_then_given_up(void **state)
{
    (void)state;
    static void (*const with_fin[])(void) = {in_fin_wait_1, in_closing, in_last_ack};
    for (size_t i = 0; i < LENGTH(with_fin); i++) {
        with_fin[i]();
        for (unsigned n = 1; n <= FTUN_FIN_RETRIES; n++) {
            assert_int_equal(ftun_connection_deadline(&c, idle), start + n * FTUN_SECOND);
            ftun_connection_timeout(&c, start + n * FTUN_SECOND, idle, &step);
            assert_int_equal(step.segment.flags, FTUN_FIN | FTUN_ACK);
            assert_int_equal(step.segment.sequence, ISN + 1);
        }
        ftun_connection_timeout(&c, start + 4 * FTUN_SECOND, idle, &step);
        assert_string_equal(describe(), "gone");
    }
}

static void fin_wait_2_and_time_wait_end_by_themselves(void **state)
{
    (void)state;
    static void (*const waiting[])(void) = {in_fin_wait_2, in_time_wait};
    for (size_t i = 0; i < LENGTH(waiting); i++) {
        waiting[i]();
        assert_int_equal(ftun_connection_deadline(&c, idle), start + FTUN_TIME_WAIT_DURATION);
        ftun_connection_timeout(&c, start + FTUN_TIME_WAIT_DURATION, idle, &step);
        assert_string_equal(describe(), "gone");
    }
}

/* --- time --------------------------------------------------------------------------------- */

/* F11: Phantun's own sends refresh its idle timer; a dead server is never noticed. */
static void F11_only_what_is_received_keeps_a_connection_alive(void **state)
{
    (void)state;
    struct ftun_tcp_header header;
    uint16_t ip_id;
    in_established();
    c.peer_window_scale = 10;
    receive_at(start + FTUN_SECOND, FTUN_ACK, PEER_ISN + 1, ISN + 1, 0);
    ftun_connection_data(&c, 10, 1, &header, &ip_id);
    assert_int_equal(ftun_connection_deadline(&c, idle), start + FTUN_SECOND + idle);
    receive_at(start + 2 * FTUN_SECOND, FTUN_RST, PEER_ISN + 7, 0, 0); /* refused: proves nothing */
    assert_int_equal(c.heard_at, start + FTUN_SECOND);
}

static void an_idle_connection_is_closed_by_fin(void **state)
{
    (void)state;
    in_established();
    ftun_connection_timeout(&c, start + idle - 1, idle, &step);
    assert_string_equal(describe(), "nothing");
    ftun_connection_timeout(&c, start + idle, idle, &step);
    assert_string_equal(describe(),
                        "closed(nothing received for the idle timeout) F. 1001 5001 65535");
}

static void without_idle_timeout_a_connection_stays(void **state)
{
    (void)state;
    in_established();
    assert_int_equal(ftun_connection_deadline(&c, FTUN_NEVER), FTUN_NEVER);
    ftun_connection_timeout(&c, FTUN_NEVER - 1, FTUN_NEVER, &step);
    assert_string_equal(describe(), "nothing");
}

static void sequence_numbers_wrap(void **state)
{
    (void)state;
    struct ftun_tcp_header header;
    uint16_t ip_id;
    ftun_connection_connect(&c, start, &ftun_profile_linux, UINT32_MAX, MSS, 0, &step);
    receive(FTUN_SYN | FTUN_ACK, UINT32_MAX, 0, 0);
    assert_string_equal(describe(), "established . 0 0 65535");
    c.snd_edge = 1000000;
    c.snd_nxt = c.snd_una = UINT32_MAX - 49;
    c.rcv_nxt = UINT32_MAX - 49;
    ftun_connection_data(&c, 100, 1, &header, &ip_id);
    assert_int_equal(c.snd_nxt, 50);
    receive(FTUN_ACK, UINT32_MAX - 49, 50, 100);
    assert_true(step.deliver);
    assert_int_equal(c.rcv_nxt, 50);
    assert_int_equal(c.snd_una, 50);
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
        cmocka_unit_test(data_is_delivered_and_acknowledged_after_40_ms),
        cmocka_unit_test(two_segments_are_acknowledged_at_the_end_of_the_turn),
        cmocka_unit_test(the_first_segments_are_acknowledged_at_once),
        cmocka_unit_test(data_sent_carries_the_acknowledgment),
        cmocka_unit_test(a_lost_segment_stays_lost_and_the_ack_moves_on),
        cmocka_unit_test(a_late_segment_is_delivered_and_moves_nothing),
        cmocka_unit_test(segments_far_outside_the_window_are_challenged),
        cmocka_unit_test(acks_of_what_was_never_sent_are_challenged),
        cmocka_unit_test(a_keepalive_probe_is_acknowledged),
        cmocka_unit_test(sending_stops_at_the_peers_window_at_a_datagrams_end),
        cmocka_unit_test(an_ack_opens_the_window_again_and_an_old_one_does_not_close_it),
        cmocka_unit_test(F13_a_phantun_peers_window_does_not_stop_us),
        cmocka_unit_test(a_window_shut_for_an_rto_is_given_up),
        cmocka_unit_test(a_window_that_moves_is_not_given_up),
        cmocka_unit_test(F10_challenges_are_limited_for_each_connection),
        cmocka_unit_test(F08_only_the_exact_rst_resets),
        cmocka_unit_test(F08_an_exact_rst_ends_each_closing_state_silently),
        cmocka_unit_test(F08_a_syn_in_a_connection_is_challenged_in_every_state),
        cmocka_unit_test(close_sends_fin_and_ends_the_flow),
        cmocka_unit_test(close_during_the_handshake_just_forgets),
        cmocka_unit_test(close_towards_phantun_is_an_rst),
        cmocka_unit_test(a_fin_is_answered_by_our_own),
        cmocka_unit_test(data_with_a_fin_is_delivered_first),
        cmocka_unit_test(the_usual_close),
        cmocka_unit_test(a_fin_that_acknowledges_ours_ends_both_directions),
        cmocka_unit_test(both_ends_may_close_at_once),
        cmocka_unit_test(data_after_close_is_refused_and_acknowledged),
        cmocka_unit_test(a_repeated_fin_is_acknowledged_again),
        cmocka_unit_test(a_fin_is_repeated_each_second_three_times_then_given_up),
        cmocka_unit_test(fin_wait_2_and_time_wait_end_by_themselves),
        cmocka_unit_test(F11_only_what_is_received_keeps_a_connection_alive),
        cmocka_unit_test(an_idle_connection_is_closed_by_fin),
        cmocka_unit_test(without_idle_timeout_a_connection_stays),
        cmocka_unit_test(sequence_numbers_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
