#include "message.h"

#include <string.h>

/* A client sends one record, perhaps again and again. */
static bool is_record(struct ftun_messages *messages, const uint8_t *payload, size_t len)
{
    struct ftun_resume_record record;
    if (!ftun_resume_record_read(payload, len, &record))
        return false;
    if (!messages->has_record)
        messages->shown = record.value;
    messages->has_record = true;
    return memcmp(&messages->shown, &record.value, sizeof record.value) == 0;
}

static bool is_answer(const struct ftun_messages *messages, const uint8_t *payload, size_t len)
{
    struct ftun_resume_answer answer;
    return messages->has_record && ftun_resume_answer_read(payload, len, &messages->shown, &answer);
}

enum ftun_message ftun_message_find(struct ftun_messages *messages, bool from_client,
                                    const uint8_t *payload, size_t len)
{
    if (from_client && is_record(messages, payload, len))
        return FTUN_MESSAGE_RECORD;
    if (!from_client && is_answer(messages, payload, len))
        return FTUN_MESSAGE_ANSWER;
    return FTUN_MESSAGE_NONE;
}

const char *ftun_message_note(enum ftun_message message)
{
    switch (message) {
    case FTUN_MESSAGE_RECORD:
        return ", resume record";
    case FTUN_MESSAGE_ANSWER:
        return ", resume answer";
    case FTUN_MESSAGE_NONE:
        break;
    }
    return "";
}
