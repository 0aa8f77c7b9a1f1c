/* ftun's own messages in a captured connection (resume_token.h): payload that is no datagram. */
#ifndef FTUN_REPLAY_MESSAGE_H
#define FTUN_REPLAY_MESSAGE_H

#include "resume_token.h"

#include <stddef.h>

enum ftun_message { FTUN_MESSAGE_NONE, FTUN_MESSAGE_RECORD, FTUN_MESSAGE_ANSWER };

/* Of one connection. */
struct ftun_messages {
    struct ftun_resume_value shown; /* by the record, and proven by the answer */
    bool has_record;
};

/* What a segment's payload is, sent by the connection's client or by its server. */
enum ftun_message ftun_message_find(struct ftun_messages *messages, bool from_client,
                                    const uint8_t *payload, size_t len);

/* To end a line about its packet with; "" for FTUN_MESSAGE_NONE. */
const char *ftun_message_note(enum ftun_message message);

#endif
