#ifndef LOAD_DURATIONS_H
#define LOAD_DURATIONS_H

#include <stddef.h>
#include <stdint.h>

/** How long each of many things took; for their percentiles. */
struct durations;

/** Exits with a message when there is no memory. */
struct durations *durations_new(void);

/** Release them; null is fine. */
void durations_free(struct durations *durations);

/** One more has taken so long. Exits with a message when there is no memory. */
void durations_note(struct durations *durations, uint64_t nanoseconds);

/** Forget all. */
void durations_clear(struct durations *durations);

size_t durations_count(const struct durations *durations);

/** The smallest duration that at least so many of 100 did not exceed, in microseconds; 0 when there
 * are none. */
double durations_percentile_us(struct durations *durations, size_t percent);

#endif
