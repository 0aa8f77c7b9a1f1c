#ifndef LOAD_SOURCES_H
#define LOAD_SOURCES_H

#include "address.h"

#include <stdint.h>

/*
 * One socket that sends from many addresses: source N is 127.64.0.0 plus N. What comes back tells
 * by its destination which source it is for. All functions exit with a message when the kernel
 * refuses.
 */

enum { SOURCES_MOST = 1 << 20, SOURCES_PER_CALL = 64 };

struct sources;

/** What has come back. */
struct source_message {
    const uint8_t *data;
    size_t length;
    uint32_t source;
};

/** Sources that send to an IPv4 address of this host. */
struct sources *sources_new(const struct address *to);

/** Close and release them. */
void sources_free(struct sources *sources);

int sources_socket(const struct sources *sources);

/** Room for `length` bytes of the next datagram, from that source; of at most SOURCES_PER_CALL
 * before sources_flush(). */
uint8_t *sources_next(struct sources *sources, uint32_t source, size_t length);

/** Send them. What the kernel does not take is lost, as UDP may be. */
void sources_flush(struct sources *sources);

/** Receive without waiting; returns how many messages came. */
unsigned sources_receive(struct sources *sources);

/** Message `index` of the last receive call; it stays valid until the next. */
struct source_message sources_message(const struct sources *sources, unsigned index);

#endif
