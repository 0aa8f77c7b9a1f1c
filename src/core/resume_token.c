#include "resume_token.h"

#include "blake2s.h"
#include "bytes.h"

#include <string.h>

/* Hashes for different purposes tell nothing of each other: each begins with its own. */
enum purpose { SEED, LINK, TAG, STARTED, RESUMED };

enum { VALUE = sizeof(struct ftun_resume_value), TICKET = 8, TAG_LEN = 8 };

_Static_assert(FTUN_RESUME_RECORD == 2 * VALUE + TICKET + TAG_LEN, "no byte between its fields");
_Static_assert(FTUN_RESUME_ANSWER == TICKET + VALUE, "no byte between its fields");

/* `len` is at most FTUN_RESUME_RECORD. */
static void hash(enum purpose purpose, const uint8_t *data, size_t len, uint8_t *out,
                 size_t out_len)
{
    static const char name[] = "ftun resume";
    uint8_t block[FTUN_BLAKE2S_BLOCK];
    memcpy(block, name, sizeof name);
    block[sizeof name] = (uint8_t)purpose;
    memcpy(block + sizeof name + 1, data, len);
    ftun_blake2s(block, sizeof name + 1 + len, out, out_len);
    _Static_assert(sizeof name + 1 + FTUN_RESUME_RECORD <= FTUN_BLAKE2S_BLOCK, "one block");
}

/* --- the chain ---------------------------------------------------------------------------- */

static struct ftun_resume_value value_before(const struct ftun_resume_value *value)
{
    struct ftun_resume_value before;
    hash(LINK, value->bytes, VALUE, before.bytes, VALUE);
    return before;
}

struct ftun_resume_value ftun_resume_chain_value(const struct ftun_hash_key *key, uint64_t chain,
                                                 unsigned index)
{
    uint8_t seed[sizeof key->bytes + 8];
    memcpy(seed, key->bytes, sizeof key->bytes);
    ftun_store_be64(seed + sizeof key->bytes, chain);
    struct ftun_resume_value value;
    hash(SEED, seed, sizeof seed, value.bytes, VALUE);
    for (unsigned i = FTUN_RESUME_CHAIN - 1; i > index; i--)
        value = value_before(&value);
    return value;
}

bool ftun_resume_value_equal(const struct ftun_resume_value *a, const struct ftun_resume_value *b)
{
    return memcmp(a->bytes, b->bytes, VALUE) == 0;
}

bool ftun_resume_value_follows(const struct ftun_resume_value *value,
                               const struct ftun_resume_value *kept)
{
    struct ftun_resume_value before = *value;
    for (unsigned i = 0; i < FTUN_RESUME_SKIPS; i++) {
        before = value_before(&before);
        if (ftun_resume_value_equal(&before, kept))
            return true;
    }
    return false;
}

/* --- messages ----------------------------------------------------------------------------- */

static void write_tag(const uint8_t *record, uint8_t *out)
{
    hash(TAG, record, FTUN_RESUME_RECORD - TAG_LEN, out, TAG_LEN);
}

void ftun_resume_record_write(const struct ftun_resume_record *record, uint8_t *out)
{
    memcpy(out, record->value.bytes, VALUE);
    memcpy(out + VALUE, record->keep.bytes, VALUE);
    ftun_store_be64(out + (size_t)2 * VALUE, record->ticket);
    write_tag(out, out + FTUN_RESUME_RECORD - TAG_LEN);
}

bool ftun_resume_record_read(const uint8_t *data, size_t len, struct ftun_resume_record *out)
{
    uint8_t tag[TAG_LEN];
    if (len != FTUN_RESUME_RECORD)
        return false;
    write_tag(data, tag);
    if (memcmp(tag, data + FTUN_RESUME_RECORD - TAG_LEN, TAG_LEN) != 0)
        return false;
    memcpy(out->value.bytes, data, VALUE);
    memcpy(out->keep.bytes, data + VALUE, VALUE);
    out->ticket = ftun_load_be64(data + (size_t)2 * VALUE);
    return true;
}

/* What the answer shows besides its ticket. */
static void write_proof(const struct ftun_resume_answer *answer,
                        const struct ftun_resume_value *value, uint8_t *out)
{
    uint8_t bytes[TICKET + VALUE];
    ftun_store_be64(bytes, answer->ticket);
    memcpy(bytes + TICKET, value->bytes, VALUE);
    hash(answer->resumed ? RESUMED : STARTED, bytes, sizeof bytes, out, VALUE);
}

void ftun_resume_answer_write(const struct ftun_resume_answer *answer,
                              const struct ftun_resume_value *value, uint8_t *out)
{
    ftun_store_be64(out, answer->ticket);
    write_proof(answer, value, out + TICKET);
}

bool ftun_resume_answer_read(const uint8_t *data, size_t len, const struct ftun_resume_value *value,
                             struct ftun_resume_answer *out)
{
    uint8_t proof[VALUE];
    if (len != FTUN_RESUME_ANSWER)
        return false;
    out->ticket = ftun_load_be64(data);
    for (int resumed = 0; resumed < 2; resumed++) {
        out->resumed = resumed != 0;
        write_proof(out, value, proof);
        if (memcmp(proof, data + TICKET, VALUE) == 0)
            return true;
    }
    return false;
}
