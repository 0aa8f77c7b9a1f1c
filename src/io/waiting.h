/* How the loop waits between two turns: asleep, or awake for a while first. */
#ifndef FTUN_IO_WAITING_H
#define FTUN_IO_WAITING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

struct ftun_waiting {
    int epoll;              /* what is waited for */
    int alarm;              /* a timerfd among it: ends long waits */
    uint64_t busy_poll_ns;  /* look again for so long, without sleeping, before falling asleep */
    uint64_t last_event_ns; /* when a descriptor was ready the last time */
};

/* epoll_wait() does not count the time that the machine is suspended, deadlines do: a wait of so
 * long, or longer, ends by an alarm of the same clock as they. */
#define FTUN_WAIT_LONG_MS 1000

/* How long to sleep at `now_ns`, in ms: until `until_ns` (FTUN_NEVER: no deadline), rounded up and
 * at most FTUN_WAIT_LONG_MS; 0 before `awake_until_ns`; -1: for ever. */
int ftun_wait_ms(uint64_t now_ns, uint64_t until_ns, uint64_t awake_until_ns);

/* Wait until a descriptor is ready or `until_ns` has come. `now_ns` is when the turn began, and
 * becomes the present. Returns the number of events, as epoll_wait(). */
int ftun_wait(struct ftun_waiting *waiting, uint64_t until_ns, uint64_t *now_ns,
              struct epoll_event *events, int max);

/* Is it worth a rest, so that datagrams gather? `singles`: of the datagrams that a call has
 * brought, those that came by themselves. */
bool ftun_wait_gathers(size_t singles);

/* After a turn whose largest call brought so many, rest if it is worth it. */
void ftun_wait_rest(const struct ftun_waiting *waiting, size_t singles);

#endif
