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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(F11_only_what_is_received_keeps_a_connection_alive),
        cmocka_unit_test(an_idle_connection_is_closed_by_fin),
        cmocka_unit_test(without_idle_timeout_a_connection_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
