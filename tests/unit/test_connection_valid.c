/* What ftun_connection_valid() finds: fuzzers and simulation rely on it. */
#include "connection_fixture.h"

static void every_state_is_valid_as_it_is_entered(void **state)
{
    (void)state;
    in_syn_sent();
    assert_true(ftun_connection_valid(&c));
    for (size_t i = 0; i < LENGTH(synchronized); i++) {
        synchronized[i].enter();
        assert_true(ftun_connection_valid(&c));
    }
}

static void no_profile(void)
{
    c.profile = NULL;
}

static void no_mss(void)
{
    c.mss = 0;
}

static void acknowledged_what_was_not_sent(void)
{
    c.snd_una = c.snd_nxt + 1;
}

static void sent_beyond_the_furthest(void)
{
    c.snd_nxt = c.snd_max + 1;
}

static void a_window_scale_that_does_not_exist(void)
{
    c.peer_window_scale = FTUN_WINDOW_SCALE_MAX + 1;
}

static void repeated_more_often_than_anything_is(void)
{
    c.retries = FTUN_SYN_RETRIES + 1;
}

static void probed_more_often_than_anything_is(void)
{
    c.liveness.probes = FTUN_PROBES_MAX + 1;
}

static void a_window_that_its_scale_cannot_express(void)
{
    c.window.size = UINT16_MAX + 1;
}

static void each_contradiction_is_found(void **state)
{
    (void)state;
    static void (*const contradictions[])(void) = {no_profile,
                                                   no_mss,
                                                   acknowledged_what_was_not_sent,
                                                   sent_beyond_the_furthest,
                                                   a_window_scale_that_does_not_exist,
                                                   repeated_more_often_than_anything_is,
                                                   probed_more_often_than_anything_is,
                                                   a_window_that_its_scale_cannot_express};
    for (size_t i = 0; i < LENGTH(contradictions); i++) {
        in_established();
        contradictions[i]();
        assert_false(ftun_connection_valid(&c));
    }
}

static void a_state_that_would_never_end_is_found(void **state)
{
    (void)state;
    in_syn_sent();
    c.retransmit_at = FTUN_NEVER;
    assert_false(ftun_connection_valid(&c));
    for (size_t i = 0; i < LENGTH(synchronized); i++) {
        synchronized[i].enter();
        c.retransmit_at = FTUN_NEVER;
        assert_int_equal(ftun_connection_valid(&c), synchronized[i].state == FTUN_ESTABLISHED);
    }
}

static void a_closed_connection_is_valid_whatever_it_held(void **state)
{
    (void)state;
    memset(&c, 0xff, sizeof c);
    c.state = FTUN_CLOSED;
    assert_true(ftun_connection_valid(&c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_is_valid_as_it_is_entered),
        cmocka_unit_test(each_contradiction_is_found),
        cmocka_unit_test(a_state_that_would_never_end_is_found),
        cmocka_unit_test(a_closed_connection_is_valid_whatever_it_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
