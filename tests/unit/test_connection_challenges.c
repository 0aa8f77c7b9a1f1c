/* RST and SYN in a connection: RFC 5961. */
#include "connection_fixture.h"

static void F10_challenges_are_limited_for_each_connection(void **state)
{
    (void)state;
    in_established();
    receive(FTUN_SYN, PEER_ISN + 1, 0, 0);
    assert_string_equal(describe(), ". 1001 5001 64240");
    receive(FTUN_SYN, PEER_ISN + 1, 0, 0);
    assert_string_equal(describe(), "nothing");
    receive_at(start + FTUN_CHALLENGE_INTERVAL, FTUN_SYN, PEER_ISN + 1, 0, 0);
    assert_string_equal(describe(), ". 1001 5001 64240");
}

static void F08_only_the_exact_rst_resets(void **state)
{
    (void)state;
    in_established();
    assert_int_equal(receive(FTUN_RST, PEER_ISN + 2, 0, 0), FTUN_REFUSED_RST_INEXACT);
    assert_string_equal(describe(), ". 1001 5001 64240");
    assert_int_equal(receive(FTUN_RST, PEER_ISN + 1 + c.window.size, 0, 0),
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

/* Who knows the addresses and ports but cannot see the connection has to guess two numbers. Before,
 * when any ACK within 4 MiB was believed, 32 of these moved rcv_nxt or ended the connection. */
static void F08_two_million_blind_segments_move_nothing(void **state)
{
    (void)state;
    enum { GUESSES = 2000000, FLIGHT = 5000 };
    struct ftun_tcp_header header;
    uint16_t ip_id;
    in_established();
    ftun_connection_data(&c, start, FLIGHT, 5, &header, &ip_id);
    uint64_t random = 1;
    for (unsigned i = 0; i < GUESSES; i++) {
        random = random * UINT64_C(6364136223846793005) + 1;
        const uint32_t sequence = (uint32_t)(random >> 32);
        random = random * UINT64_C(6364136223846793005) + 1;
        const uint32_t ack = (uint32_t)(random >> 32);
        const uint8_t fin = i % 2 == 0 ? FTUN_FIN : 0;
        assert_int_not_equal(receive(fin | FTUN_ACK, sequence, ack, i % 3), FTUN_TAKEN);
    }
    assert_int_equal(c.state, FTUN_ESTABLISHED);
    assert_int_equal(c.rcv_nxt, PEER_ISN + 1);
    assert_int_equal(c.snd_una, ISN + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(F10_challenges_are_limited_for_each_connection),
        cmocka_unit_test(F08_only_the_exact_rst_resets),
        cmocka_unit_test(F08_an_exact_rst_ends_each_closing_state_silently),
        cmocka_unit_test(F08_a_syn_in_a_connection_is_challenged_in_every_state),
        cmocka_unit_test(F08_two_million_blind_segments_move_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
