/* TCP timestamps (RFC 7323 3). */
#include "connection_fixture.h"

static struct ftun_profile profile;
static const uint64_t seed = UINT64_C(5000) << 16; /* of the clock: 5000 ms at the time 0 */
static const uint32_t sent = 105000;               /* TSval at `start` */

static struct ftun_tcp_header stamped(uint8_t flags, uint32_t sequence, uint32_t ack,
                                      uint32_t value)
{
    struct ftun_tcp_header tcp = {
        .sequence = sequence, .acknowledgment = ack, .window = 500, .flags = flags};
    tcp.options_len = (uint8_t)ftun_tcp_timestamps_write(value, sent, tcp.options);
    return tcp;
}

static enum ftun_refusal receive_stamped(uint32_t sequence, uint32_t value, size_t payload_len)
{
    const struct ftun_tcp_header tcp = stamped(FTUN_ACK, sequence, ISN + 1, value);
    return ftun_connection_segment(&c, start, &tcp, payload_len, 1, &step);
}

static void assert_stamps(const struct ftun_tcp_header *tcp, uint32_t value, uint32_t echo)
{
    uint8_t expected[FTUN_TCP_OPTIONS_MAX];
    assert_int_equal(tcp->options_len, ftun_tcp_timestamps_write(value, echo, expected));
    assert_memory_equal(tcp->options, expected, tcp->options_len);
}

static void offer(void)
{
    profile = ftun_profile_linux;
    profile.timestamps = true;
    ftun_connection_connect(&c, start, start, &profile, ISN, MSS, seed, &step);
}

static void agree(void)
{
    offer();
    const struct ftun_tcp_header syn_ack = stamped(FTUN_SYN | FTUN_ACK, PEER_ISN, ISN + 1, 7000);
    ftun_connection_segment(&c, start, &syn_ack, 0, 0, &step);
}

static void a_syn_offers_them_before_the_window_scale(void **state)
{
    (void)state;
    offer();
    const uint8_t options[] = {2, 4, 5, 180, 4, 2, 8, 10, 0, 1, 0x9a, 40, 0, 0, 0, 0, 1, 3, 3, 10};
    assert_int_equal(step.segment.options_len, sizeof options);
    assert_memory_equal(step.segment.options, options, sizeof options);
}

static void agreed_on_they_are_in_every_segment_and_leave_less_for_payload(void **state)
{
    (void)state;
    struct ftun_tcp_header header;
    uint16_t ip_id;
    agree();
    assert_int_equal(c.mss, MSS - 12);
    assert_stamps(&step.segment, sent, 7000);
    ftun_connection_data(&c, start + FTUN_SECOND, 100, 1, &header, &ip_id);
    assert_stamps(&header, sent + 1000, 7000);
    receive_stamped(PEER_ISN + 1, 7100, 100);
    receive_stamped(PEER_ISN + 101, 7100, 100);
    ftun_connection_end_turn(&c, start + 2 * FTUN_SECOND, &step);
    assert_stamps(&step.segment, sent + 2000, 7100);
    ftun_connection_close(&c, start + 3 * FTUN_SECOND, FTUN_CLOSED_LOCALLY, &step);
    assert_stamps(&step.segment, sent + 3000, 7100);
    ftun_connection_timeout(&c, start + 5 * FTUN_SECOND, &timeouts, &step);
    assert_stamps(&step.segment, sent + 5000, 7100);
}

static void not_agreed_on_they_are_in_none(void **state)
{
    (void)state;
    offer();
    receive(FTUN_SYN | FTUN_ACK, PEER_ISN, ISN + 1, 0);
    assert_int_equal(step.segment.options_len, 0);
    assert_int_equal(c.mss, MSS);
    in_syn_sent();
    const struct ftun_tcp_header unasked = stamped(FTUN_SYN | FTUN_ACK, PEER_ISN, ISN + 1, 7000);
    ftun_connection_segment(&c, start, &unasked, 0, 0, &step);
    assert_int_equal(step.segment.options_len, 0);
    assert_false(c.timestamps);
}

static void a_listener_sees_them_in_the_third_packet(void **state)
{
    (void)state;
    const struct ftun_tcp_header ack = stamped(FTUN_ACK, PEER_ISN + 1, ISN + 1, 7000);
    ftun_connection_accept(&c, start, &ftun_profile_linux, &ack, MSS, 10, seed);
    assert_int_equal(c.mss, MSS - 12);
    assert_int_equal(c.window.size, 64 * 1024); /* 45 * 1448, in units of 1024 */
    ftun_connection_limit_mss(&c, 1400);
    assert_int_equal(c.mss, 1400 - 12);
    ftun_connection_close(&c, start, FTUN_CLOSED_LOCALLY, &step);
    assert_stamps(&step.segment, sent, 7000);
    ftun_connection_accept(&c, start, &ftun_profile_phantun, &ack, MSS, 14, seed);
    assert_false(c.timestamps);
}

/* RFC 7323 4.3: the earliest segment that was not acknowledged yet. */
static void a_delayed_acknowledgment_echoes_what_it_waited_for(void **state)
{
    (void)state;
    agree();
    c.quick_acks = 0;
    receive_stamped(PEER_ISN + 1, 7100, 100);
    receive_stamped(PEER_ISN + 101, 7200, 100);
    ftun_connection_end_turn(&c, start, &step);
    assert_stamps(&step.segment, sent, 7100);
    receive_stamped(PEER_ISN + 201, 7300, 100);
    ftun_connection_timeout(&c, start + FTUN_DELAYED_ACK, &timeouts, &step);
    assert_stamps(&step.segment, sent + 40, 7300);
}

/* A datagram that was overtaken is delivered; one that is later than any network makes it is not.
 */
static void only_what_is_clearly_too_old_is_refused(void **state)
{
    (void)state;
    agree();
    assert_int_equal(receive_stamped(PEER_ISN + 1, 7000 + 5000, 100), FTUN_TAKEN);
    assert_int_equal(receive_stamped(PEER_ISN + 101, 7000, 100), FTUN_TAKEN);
    assert_string_equal(describe(), "deliver");
    assert_int_equal(c.timestamp_recent, 7000 + 5000);
    c.timestamp_recent = 7000 + FTUN_TIMESTAMP_LATE;
    assert_int_equal(receive_stamped(PEER_ISN + 201, 7000, 100), FTUN_TAKEN);
    assert_int_equal(receive_stamped(PEER_ISN + 301, 6999, 100),
                     FTUN_REFUSED_TIMESTAMP_UNACCEPTABLE);
    assert_string_equal(describe(), ". 1001 5301 64240");
}

static void a_stranger_does_not_set_the_clock(void **state)
{
    (void)state;
    agree();
    const struct ftun_tcp_header forged =
        stamped(FTUN_ACK, PEER_ISN + 1, ISN + 9, 7000 + 1000000000);
    assert_int_equal(ftun_connection_segment(&c, start, &forged, 10, 1, &step),
                     FTUN_REFUSED_ACK_UNACCEPTABLE);
    assert_int_equal(c.timestamp_recent, 7000);
}

static void a_segment_without_them_is_refused_unless_it_resets(void **state)
{
    (void)state;
    agree();
    assert_int_equal(receive(FTUN_ACK, PEER_ISN + 1, ISN + 1, 100),
                     FTUN_REFUSED_TIMESTAMP_UNACCEPTABLE);
    assert_string_equal(describe(), "nothing");
    assert_int_equal(receive(FTUN_RST, PEER_ISN + 1, 0, 0), FTUN_TAKEN);
}

static void a_segment_too_small_for_them_still_carries_a_byte(void **state)
{
    (void)state;
    agree();
    ftun_connection_limit_mss(&c, 13);
    assert_int_equal(c.mss, 1);
    agree();
    ftun_connection_limit_mss(&c, 12);
    assert_int_equal(c.mss, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_syn_offers_them_before_the_window_scale),
        cmocka_unit_test(agreed_on_they_are_in_every_segment_and_leave_less_for_payload),
        cmocka_unit_test(a_segment_too_small_for_them_still_carries_a_byte),
        cmocka_unit_test(not_agreed_on_they_are_in_none),
        cmocka_unit_test(a_listener_sees_them_in_the_third_packet),
        cmocka_unit_test(a_delayed_acknowledgment_echoes_what_it_waited_for),
        cmocka_unit_test(only_what_is_clearly_too_old_is_refused),
        cmocka_unit_test(a_stranger_does_not_set_the_clock),
        cmocka_unit_test(a_segment_without_them_is_refused_unless_it_resets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
