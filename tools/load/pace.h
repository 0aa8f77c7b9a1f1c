#ifndef LOAD_PACE_H
#define LOAD_PACE_H

#include "arguments.h"

#include <stdint.h>

/**
 * Keeps a sender at a rate. What has been sent moves the time at which the next datagram is due; a
 * sender that was late may catch up, but not more than a few milliseconds, so that it never floods.
 */
struct pace {
    double ns_per_datagram;
    double ns_per_byte;
    double due_ns;
};

/** A pace that starts now; a rate of zero never waits. */
struct pace pace_start(const struct rate *rate);

/**
 * Sleep until the next datagram is due, or `end_ns` if that is earlier, or a signal comes. When it
 * is due very soon, return at once: going to sleep would take longer.
 */
void pace_wait(struct pace *pace, uint64_t end_ns);

/** So much has been sent. */
void pace_charge(struct pace *pace, uint64_t datagrams, uint64_t bytes);

/** How many datagrams of `bytes` bytes to send at once, 1 to `most`, for the rate to be smooth. */
unsigned pace_burst(const struct pace *pace, uint32_t bytes, unsigned most);

#endif
