/* Sleeping costs: whoever wakes the loop has to reach for its processor, which first leaves its
 * idle state. An echo between two processors takes 125 us so, and 51 without
 * (docs/performance.md). With --busy-poll the loop stays awake for a while after the last event,
 * and has the next one at once if it comes in that time.
 *
 * When datagrams come one by one but fast, it is the other way round: the loop would wake for every
 * few of them, and each small burst would walk the kernel's forwarding path by itself. So after a
 * turn that received several, but not all that a call can take, the loop rests for a moment and
 * lets them gather, as a network card moderates its interrupts. A lone flow of questions and
 * answers has one datagram a turn and never waits; nor does a sender whose datagrams come in bursts
 * already. Measured (tools/bench, single datagrams, 2 cores): 1.05 to 1.2 times the throughput, and
 * three quarters of the CPU per GB. */
#include "waiting.h"

#include "instant.h"
#include "loop.h"

#include <sched.h>
#include <sys/timerfd.h>
#include <time.h>

enum {
    GATHERING = 3,       /* datagrams in one call: they come faster than they are asked for */
    REST_NS = 50 * 1000, /* 64 datagrams in this time: 14 Gbit/s of 1400 bytes */
};

int ftun_wait_ms(uint64_t now_ns, uint64_t until_ns, uint64_t awake_until_ns)
{
    if (now_ns < awake_until_ns || until_ns <= now_ns)
        return 0;
    if (until_ns == FTUN_NEVER)
        return -1;
    const uint64_t wait = (until_ns - now_ns - 1) / FTUN_MILLISECOND + 1;
    return wait < FTUN_WAIT_LONG_MS ? (int)wait : FTUN_WAIT_LONG_MS;
}

/* Returns whether it will ring. */
static bool set_alarm(const struct ftun_waiting *waiting, uint64_t at_ns)
{
    const struct itimerspec at = {.it_value = {.tv_sec = (time_t)(at_ns / FTUN_SECOND),
                                               .tv_nsec = (long)(at_ns % FTUN_SECOND)}};
    return timerfd_settime(waiting->alarm, TFD_TIMER_ABSTIME, &at, NULL) == 0;
}

int ftun_wait(struct ftun_waiting *waiting, uint64_t until_ns, uint64_t *now_ns,
              struct epoll_event *events, int max)
{
    const uint64_t awake_until_ns =
        ftun_instant_after(waiting->last_event_ns, waiting->busy_poll_ns);
    int count, ms;
    do {
        ms = ftun_wait_ms(*now_ns, until_ns, awake_until_ns);
        if (ms == FTUN_WAIT_LONG_MS && set_alarm(waiting, until_ns))
            ms = -1;
        count = epoll_wait(waiting->epoll, events, max, ms);
        *now_ns = ftun_clock();
        if (count == 0 && ms == 0)
            sched_yield(); /* to whoever shares the processor */
    } while (count == 0 && ms == 0 && *now_ns < until_ns);
    if (count > 0)
        waiting->last_event_ns = *now_ns;
    return count;
}

bool ftun_wait_gathers(size_t singles)
{
    return singles >= GATHERING && singles < FTUN_UDP_MESSAGES_MAX;
}

void ftun_wait_rest(const struct ftun_waiting *waiting, size_t singles)
{
    const struct timespec rest = {.tv_nsec = REST_NS};
    if (waiting->busy_poll_ns == 0 && ftun_wait_gathers(singles))
        nanosleep(&rest, NULL);
}
