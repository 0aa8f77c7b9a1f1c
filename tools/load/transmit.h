#ifndef LOAD_TRANSMIT_H
#define LOAD_TRANSMIT_H

#include "arguments.h"
#include "stamp.h"

#include <stdint.h>

/** How datagrams are handed to the kernel. */
enum transmit_mode {
    TRANSMIT_SINGLE, /* one send() each */
    TRANSMIT_MMSG,   /* sendmmsg() of several */
    TRANSMIT_GSO,    /* one buffer that the kernel cuts (UDP_SEGMENT) */
};

/** A flow of stamped datagrams. */
struct transmit_flow {
    int socket;
    uint32_t name;
    uint64_t next_sequence;
};

/** What one call sent; `error` is the errno of a call that sent nothing, else 0. */
struct transmitted {
    unsigned datagrams;
    uint64_t bytes;
    int error;
};

/** Makes datagrams and sends them. */
struct transmitter;

/** Exits with a message when there is no memory. */
struct transmitter *transmitter_new(enum transmit_mode mode, struct size_range sizes);

/** Release it. */
void transmitter_free(struct transmitter *transmitter);

/** Send the next datagrams of `flow`, at least one and at most `most`, with one system call. */
struct transmitted transmit(struct transmitter *transmitter, struct transmit_flow *flow,
                            enum stamp_purpose purpose, unsigned most);

#endif
