#include "instant.h"
#include "loop.h"
#include "unit.h"
#include "waiting.h"

#include <unistd.h>

static const uint64_t now = 100 * FTUN_SECOND;

static void without_a_deadline_it_sleeps_for_ever(void **state)
{
    (void)state;
    assert_int_equal(ftun_wait_ms(now, FTUN_NEVER, 0), -1);
}

static void a_deadline_is_never_missed_by_waking_too_early(void **state)
{
    (void)state;
    assert_int_equal(ftun_wait_ms(now, now + 1, 0), 1);
    assert_int_equal(ftun_wait_ms(now, now + FTUN_MILLISECOND, 0), 1);
    assert_int_equal(ftun_wait_ms(now, now + FTUN_MILLISECOND + 1, 0), 2);
    assert_int_equal(ftun_wait_ms(now, now + 998 * FTUN_MILLISECOND, 0), 998);
}

static void what_is_due_is_not_waited_for(void **state)
{
    (void)state;
    assert_int_equal(ftun_wait_ms(now, now, 0), 0);
    assert_int_equal(ftun_wait_ms(now, now - 1, 0), 0);
}

static void a_long_wait_ends_by_the_alarm(void **state)
{
    (void)state;
    const uint64_t second = now + FTUN_SECOND;
    assert_int_equal(ftun_wait_ms(now, second, 0), FTUN_WAIT_LONG_MS);
    assert_int_equal(ftun_wait_ms(now, FTUN_NEVER - 1, 0), FTUN_WAIT_LONG_MS);
}

static void while_busy_polling_it_does_not_sleep(void **state)
{
    (void)state;
    assert_int_equal(ftun_wait_ms(now, FTUN_NEVER, now + 1), 0);
    assert_int_equal(ftun_wait_ms(now, now + FTUN_SECOND, now + 1), 0);
    assert_int_equal(ftun_wait_ms(now, FTUN_NEVER, now), -1);
}

static void datagrams_that_come_fast_and_singly_are_left_to_gather(void **state)
{
    (void)state;
    assert_false(ftun_wait_gathers(0));
    assert_false(ftun_wait_gathers(1));
    assert_false(ftun_wait_gathers(2));
    assert_true(ftun_wait_gathers(3));
    assert_true(ftun_wait_gathers(FTUN_UDP_MESSAGES_MAX - 1));
    assert_false(ftun_wait_gathers(FTUN_UDP_MESSAGES_MAX));
}

/* A pipe stands for all that a loop waits for. */

struct fixture {
    int pipe[2];
    struct ftun_waiting waiting;
    struct epoll_event events[2];
    uint64_t now_ns;
};

static int set_up(void **state)
{
    static struct fixture f;
    f = (struct fixture){.waiting = {.epoll = epoll_create1(0), .alarm = -1}};
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = 7};
    *state = &f;
    return pipe(f.pipe) == 0 && epoll_ctl(f.waiting.epoll, EPOLL_CTL_ADD, f.pipe[0], &event) == 0
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    close(f->pipe[0]);
    close(f->pipe[1]);
    close(f->waiting.epoll);
    return 0;
}

static void an_event_is_told_and_its_time_kept(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(write(f->pipe[1], "x", 1), 1);
    assert_int_equal(ftun_wait(&f->waiting, FTUN_NEVER, &f->now_ns, f->events, 2), 1);
    assert_int_equal(f->events[0].data.u32, 7);
    assert_true(f->now_ns > 0);
    assert_int_equal(f->waiting.last_event_ns, f->now_ns);
}

/* However long it may stay awake: here, for ever. */
static void a_deadline_ends_the_looking(void **state)
{
    struct fixture *f = *state;
    f->waiting.busy_poll_ns = FTUN_NEVER;
    const uint64_t until = ftun_clock() + 1;
    assert_int_equal(ftun_wait(&f->waiting, until, &f->now_ns, f->events, 2), 0);
    assert_true(f->now_ns >= until);
    assert_int_equal(f->waiting.last_event_ns, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_deadline_it_sleeps_for_ever),
        cmocka_unit_test(a_deadline_is_never_missed_by_waking_too_early),
        cmocka_unit_test(what_is_due_is_not_waited_for),
        cmocka_unit_test(a_long_wait_ends_by_the_alarm),
        cmocka_unit_test(while_busy_polling_it_does_not_sleep),
        cmocka_unit_test(datagrams_that_come_fast_and_singly_are_left_to_gather),
        cmocka_unit_test_setup_teardown(an_event_is_told_and_its_time_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_deadline_ends_the_looking, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
