#include "pace.h"

#include "clock.h"

enum { BITS_PER_BYTE = 8 };

/* One burst takes no more of the rate than this. */
static const double burst_ns = 250e3;

/* Going to sleep takes time as well: a sender is let ahead so far before it does. */
static const double ahead_ns = 100e3;

/* A sender that was late catches up no more than this. */
static const double catch_up_ns = 5e6;

struct pace pace_start(const struct rate *rate)
{
    struct pace pace = {.due_ns = (double)clock_now_ns()};

    if (rate->datagrams_per_second > 0)
        pace.ns_per_datagram = NANOSECONDS_PER_SECOND / rate->datagrams_per_second;
    if (rate->bits_per_second > 0)
        pace.ns_per_byte = BITS_PER_BYTE * (NANOSECONDS_PER_SECOND / rate->bits_per_second);
    return pace;
}

static bool is_unlimited(const struct pace *pace)
{
    return pace->ns_per_datagram <= 0 && pace->ns_per_byte <= 0;
}

void pace_wait(struct pace *pace, uint64_t end_ns)
{
    const uint64_t due = (uint64_t)pace->due_ns;
    double now;

    if (is_unlimited(pace))
        return;
    now = (double)clock_now_ns();
    if (pace->due_ns > now + ahead_ns)
        clock_sleep_until(due < end_ns ? due : end_ns);
    else if (pace->due_ns < now - catch_up_ns)
        pace->due_ns = now - catch_up_ns;
}

void pace_charge(struct pace *pace, uint64_t datagrams, uint64_t bytes)
{
    pace->due_ns += (double)datagrams * pace->ns_per_datagram + (double)bytes * pace->ns_per_byte;
}

unsigned pace_burst(const struct pace *pace, uint32_t bytes, unsigned most)
{
    const double each = pace->ns_per_datagram + bytes * pace->ns_per_byte;

    if (each * most <= burst_ns)
        return most;
    return each >= burst_ns ? 1 : (unsigned)(burst_ns / each);
}
