#ifndef LOAD_CLOCK_H
#define LOAD_CLOCK_H

#include <stdint.h>

#define NANOSECONDS_PER_SECOND 1000000000U

/** Monotonic time in nanoseconds. */
uint64_t clock_now_ns(void);

/** `seconds` in nanoseconds. */
uint64_t clock_from_seconds(double seconds);

/** `nanoseconds` in seconds. */
double clock_to_seconds(uint64_t nanoseconds);

/** Sleep until the monotonic clock shows `deadline_ns`; a signal ends the sleep early. */
void clock_sleep_until(uint64_t deadline_ns);

/** Let this thread's sleeps end on time: the kernel otherwise adds 50 microseconds to each. */
void clock_sleep_precisely(void);

#endif
