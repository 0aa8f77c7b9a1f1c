#ifndef LOAD_BATCH_H
#define LOAD_BATCH_H

#include "address.h"

#include <stdint.h>

/** What one receive call brings: several messages, each of one datagram or of several glued
 * together. */
struct batch;

/** One message: datagrams of `stride` bytes, the last of which may be shorter. */
struct arrival {
    const uint8_t *data;
    size_t length;
    size_t stride;
    const struct address *from;
};

/** Room for `messages` messages; null when there is no memory. */
struct batch *batch_new(unsigned messages);

/** Release a batch; null is fine. */
void batch_free(struct batch *batch);

/**
 * Receive from a socket; `flags` as for recvmmsg(). Returns how many messages came: 0 when none did
 * within the socket's patience, a signal came, or the far end refused an earlier datagram. What an
 * earlier call brought is gone. Exits with a message on any other error.
 */
unsigned batch_receive(struct batch *batch, int socket, int flags);

/** Message `index` of the last receive call; it stays valid until the next. */
struct arrival batch_arrival(const struct batch *batch, unsigned index);

#endif
