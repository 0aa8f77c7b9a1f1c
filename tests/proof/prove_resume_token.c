#include "prove.h"
#include "resume_token.h"

int main(void)
{
    uint8_t block[FTUN_RESUME_RECORD + 1];
    uint8_t message[FTUN_RESUME_RECORD];
    struct ftun_hash_key key;
    any_bytes(&key, sizeof key);
    const unsigned index = (unsigned)any_size(0, FTUN_RESUME_CHAIN - 1);
    struct ftun_resume_record record = {.value = ftun_resume_chain_value(&key, any_u64(), index),
                                        .ticket = any_u64()};
    any_bytes(&record.keep, sizeof record.keep);
    ftun_resume_value_follows(&record.value, &record.keep);
    ftun_resume_record_write(&record, message);
    struct ftun_resume_answer answer = {.ticket = any_u64(), .resumed = any_bool()};
    ftun_resume_answer_write(&answer, &record.value, message);

    for (size_t len = 0; len <= sizeof block; len++) {
        const uint8_t *data = any_bytes_at_end(block, sizeof block, len);
        ftun_resume_record_read(data, len, &record);
        ftun_resume_answer_read(data, len, &record.value, &answer);
    }
    return 0;
}
