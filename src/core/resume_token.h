/* What lets a flow go on over a new connection: values of a hash chain that each show once that
 * their owner began the flow (Lamport, "Password authentication with insecure communication",
 * 1981), and the two messages that carry them. docs/resumption.md tells the whole.
 *
 * A value is the hash of the next one. The client shows them in order, one on each connection; the
 * server keeps the last. Who has seen a value knows all before it, and none behind it.
 *
 *     record  client: value (16), what to keep in its place (16), ticket (8), tag (8)
 *     answer  server: ticket (8), proof (16)
 *
 * Numbers are in network order. */
#ifndef FTUN_CORE_RESUME_TOKEN_H
#define FTUN_CORE_RESUME_TOKEN_H

#include "limits.h"
#include "siphash.h"

#include <stdbool.h>

#define FTUN_RESUME_RECORD 48u /* bytes */
#define FTUN_RESUME_ANSWER 24u /* bytes */

#define FTUN_NO_TICKET UINT64_C(0)

struct ftun_resume_value {
    uint8_t bytes[16];
};

struct ftun_resume_record {
    struct ftun_resume_value value; /* the next of a chain */
    struct ftun_resume_value keep;  /* `value`, or the first of the next chain after the last */
    uint64_t ticket;                /* the server's, of the flow that goes on; FTUN_NO_TICKET */
};

struct ftun_resume_answer {
    uint64_t ticket; /* of the flow from now on */
    bool resumed;    /* the flow whose ticket the record named goes on */
};

/* Value `index`, below FTUN_RESUME_CHAIN, of the chain that the owner of `key` has numbered
 * `chain`. */
struct ftun_resume_value ftun_resume_chain_value(const struct ftun_hash_key *key, uint64_t chain,
                                                 unsigned index);

bool ftun_resume_value_equal(const struct ftun_resume_value *a, const struct ftun_resume_value *b);

/* True when `value` is one of the FTUN_RESUME_SKIPS values behind `kept` in its chain: records may
 * have been lost in between. Never of one that was shown already. */
bool ftun_resume_value_follows(const struct ftun_resume_value *value,
                               const struct ftun_resume_value *kept);

/* `out` has room for FTUN_RESUME_RECORD bytes. */
void ftun_resume_record_write(const struct ftun_resume_record *record, uint8_t *out);

/* True when these `len` bytes are a record: by its length and tag, which anybody can make. */
bool ftun_resume_record_read(const uint8_t *data, size_t len, struct ftun_resume_record *out);

/* `out` has room for FTUN_RESUME_ANSWER bytes. `value` is the one that the record shows. */
void ftun_resume_answer_write(const struct ftun_resume_answer *answer,
                              const struct ftun_resume_value *value, uint8_t *out);

/* True when these `len` bytes answer a record that showed `value`: only who has seen it can make
 * them. */
bool ftun_resume_answer_read(const uint8_t *data, size_t len, const struct ftun_resume_value *value,
                             struct ftun_resume_answer *out);

#endif
