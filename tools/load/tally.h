#ifndef LOAD_TALLY_H
#define LOAD_TALLY_H

#include <stdbool.h>
#include <stdint.h>

/** Which datagrams of each flow have come; one bit of memory for each datagram sent. */
struct tally;

/** The tally of all flows together. */
struct tally_sum {
    uint64_t flows;
    uint64_t received; /* different datagrams */
    uint64_t lost; /* below the highest sequence number received of its flow, and not received */
    uint64_t duplicated; /* received once more */
    uint64_t reordered;  /* received after one with a higher sequence number (RFC 4737) */
};

/** An empty tally; exits with a message when there is no memory. */
struct tally *tally_new(void);

/** Release a tally. */
void tally_free(struct tally *tally);

/**
 * Datagram `sequence` of `flow` has come. Returns false when it is past what the tally can hold
 * (2^33 datagrams a flow). Exits with a message when there is no memory.
 */
bool tally_note(struct tally *tally, uint32_t flow, uint64_t sequence);

/** Add up all flows. */
struct tally_sum tally_sum(const struct tally *tally);

#endif
