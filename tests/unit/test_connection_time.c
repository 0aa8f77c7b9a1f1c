/* Liveness and idleness. */
#include "connection_fixture.h"

/* F11: Phantun's own sends refresh its idle timer; a dead server is never noticed. */
static void F11_only_what_is_received_keeps_a_connection_alive(void **state)
{
    (void)state;
    struct ftun_tcp_header header;
    uint16_t ip_id;
    in_established();
    c.peer_window_scale = 10;
    receive_at(start + FTUN_SECOND, FTUN_ACK, PEER_ISN + 1, ISN + 1, 0);
    ftun_connection_data(&c, start + FTUN_SECOND, 10, 1, &header, &ip_id);
    assert_int_equal(ftun_connection_deadline(&c, &timeouts), start + FTUN_SECOND + idle);
    receive_at(start + 2 * FTUN_SECOND, FTUN_RST, PEER_ISN + 7, 0, 0); /* refused: proves nothing */
    assert_int_equal(c.liveness.heard_at, start + FTUN_SECOND);
}

static void an_idle_connection_is_closed_by_fin(void **state)
{
    (void)state;
    in_established();
    ftun_connection_timeout(&c, start + idle - 1, &timeouts, &step);
    assert_string_equal(describe(), "nothing");
    ftun_connection_timeout(&c, start + idle, &timeouts, &step);
    assert_string_equal(describe(),
                        "closed(nothing received for the idle timeout) F. 1001 5001 64240");
}

static void without_idle_timeout_a_connection_stays(void **state)
{
    (void)state;
    in_established();
    assert_int_equal(ftun_connection_deadline(&c, &endless), FTUN_NEVER);
    ftun_connection_timeout(&c, FTUN_NEVER - 1, &endless, &step);
    assert_string_equal(describe(), "nothing");
}

static const struct ftun_timeouts watchful = {FTUN_NEVER, FTUN_NEVER, 15 * FTUN_SECOND};

/* Established with Phantun, whose application has just sent. */
static void in_conversation_with_phantun(void)
{
    ftun_connection_connect(&c, start, start, &ftun_profile_phantun, 0, MSS, 0, &step);
    receive(FTUN_SYN | FTUN_ACK, 0, 1, 0);
    receive(FTUN_ACK, 1, 1, 100);
    ftun_connection_end_turn(&c, start, &step);
}

static void send_at(uint64_t at)
{
    struct ftun_tcp_header header;
    uint16_t ip_id;
    ftun_connection_data(&c, at, 100, 1, &header, &ip_id);
}

/* What the connection does of itself until then; the first thing ends it. */
static const char *wait_until(uint64_t at)
{
    step = (struct ftun_step){0};
    while (ftun_connection_deadline(&c, &watchful) <= at && describe()[0] == 'n')
        ftun_connection_timeout(&c, ftun_connection_deadline(&c, &watchful), &watchful, &step);
    return describe();
}

static void F11_who_goes_on_without_answer_from_phantun_has_a_dead_path(void **state)
{
    (void)state;
    in_conversation_with_phantun();
    for (unsigned second = 0; second < 15; second += 5) /* WireGuard's handshakes */
        send_at(start + second * FTUN_SECOND);
    assert_string_equal(wait_until(start + 15 * FTUN_SECOND - 1), "nothing");
    wait_until(start + 15 * FTUN_SECOND);
    assert_int_equal(step.closed, FTUN_CLOSED_DEAD);
}

/* WireGuard's persistent keepalives, which nobody answers, behind a handshake that was. */
static void keepalives_of_an_application_want_no_answer_from_phantun(void **state)
{
    (void)state;
    in_conversation_with_phantun();
    for (unsigned second = 0; second <= 100; second += 25) {
        send_at(start + second * FTUN_SECOND);
        assert_string_equal(wait_until(start + (second + 25) * FTUN_SECOND - 1), "nothing");
    }
    assert_int_equal(ftun_connection_deadline(&c, &watchful), FTUN_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(F11_only_what_is_received_keeps_a_connection_alive),
        cmocka_unit_test(an_idle_connection_is_closed_by_fin),
        cmocka_unit_test(without_idle_timeout_a_connection_stays),
        cmocka_unit_test(F11_who_goes_on_without_answer_from_phantun_has_a_dead_path),
        cmocka_unit_test(keepalives_of_an_application_want_no_answer_from_phantun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
