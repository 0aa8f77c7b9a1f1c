#ifndef LOAD_REPLY_H
#define LOAD_REPLY_H

#include "batch.h"

/** Sends what a receive call brought back to where it came from, glued as it came. */
struct reply;

/** Datagrams larger than `most` bytes stay. Exits with a message when there is no memory. */
struct reply *reply_new(size_t most);

/** Release it; null is fine. */
void reply_free(struct reply *reply);

/** Return the first `messages` messages of a batch. What the kernel does not take is lost, as UDP
 * may be. */
void reply_send(struct reply *reply, int socket, const struct batch *batch, unsigned messages);

#endif
