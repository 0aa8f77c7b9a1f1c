#include "clock.h"

#include <sys/prctl.h>
#include <time.h>

uint64_t clock_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NANOSECONDS_PER_SECOND + (uint64_t)now.tv_nsec;
}

uint64_t clock_from_seconds(double seconds)
{
    return (uint64_t)(seconds * NANOSECONDS_PER_SECOND);
}

double clock_to_seconds(uint64_t nanoseconds)
{
    return (double)nanoseconds / NANOSECONDS_PER_SECOND;
}

void clock_sleep_until(uint64_t deadline_ns)
{
    const struct timespec deadline = {
        .tv_sec = (time_t)(deadline_ns / NANOSECONDS_PER_SECOND),
        .tv_nsec = (long)(deadline_ns % NANOSECONDS_PER_SECOND),
    };

    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, NULL);
}

void clock_sleep_precisely(void)
{
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
}
