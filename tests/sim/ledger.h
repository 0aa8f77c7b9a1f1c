/* What was sent, carried and delivered, and whether that agrees.
 *
 * Each application writes one *stream* of numbered datagrams. A datagram begins with its label
 * (stream and number); all its bytes follow from that, so that any of them can be recognised
 * wherever it turns up, and none that is altered passes. */
#ifndef FTUN_TESTS_SIM_LEDGER_H
#define FTUN_TESTS_SIM_LEDGER_H

#include "report.h"

#include <stddef.h>
#include <stdint.h>

#define SIM_LABEL 8u /* bytes: no datagram is shorter */
#define SIM_DATAGRAM_MAX 2048u
#define SIM_NO_STREAM UINT32_MAX

struct sim_label {
    uint32_t stream; /* SIM_NO_STREAM: of no datagram */
    uint32_t number;
};

struct sim_entry {
    uint16_t len;      /* bytes */
    uint8_t emitted;   /* times that an end has sent it */
    uint8_t handed;    /* times that the network has handed it to the other end */
    uint8_t delivered; /* times that its application has got it */
};

struct sim_stream {
    struct sim_entry *entries;
    size_t count, capacity;
    uint32_t emitted_up_to;   /* one more than the highest number sent */
    uint32_t delivered_up_to; /* one more than the highest delivered */
    uint64_t newest_birth;    /* of what was delivered */
};

struct sim_ledger {
    struct sim_stream *streams;
    size_t count, capacity;
    uint8_t *pad; /* random bytes, of which datagrams are made */
    struct sim_report *report;
};

void sim_ledger_create(struct sim_ledger *ledger, struct sim_report *report);
void sim_ledger_destroy(struct sim_ledger *ledger);

/* Forget all streams. */
void sim_ledger_clear(struct sim_ledger *ledger);

/* Begin a stream; returns its number. */
uint32_t sim_ledger_begin(struct sim_ledger *ledger);

/* Write the next datagram of a stream, `len` bytes, SIM_LABEL to SIM_DATAGRAM_MAX. */
void sim_ledger_write(struct sim_ledger *ledger, uint32_t stream, uint8_t *out, size_t len);

/* An end has sent this datagram. Returns its label. Must hold: it was written, it is unaltered, it
 * was not sent before, and neither was one that was written later. */
struct sim_label sim_ledger_emitted(struct sim_ledger *ledger, const uint8_t *datagram, size_t len);

/* The network hands it to the other end, unaltered. */
void sim_ledger_handed(struct sim_ledger *ledger, struct sim_label label);

/* It has been delivered; `birth` orders packets by when they entered the network. Must hold: it was
 * sent, is unaltered, was handed over as often, and comes after all that entered the network before
 * it. Returns its label. */
struct sim_label sim_ledger_delivered(struct sim_ledger *ledger, const uint8_t *datagram,
                                      size_t len, uint64_t birth);

#endif
