#include "transmit.h"

#include "burst.h"
#include "fail.h"
#include "pattern.h"
#include "udp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { DATAGRAMS_PER_CALL = UDP_BURST_DATAGRAMS_MOST, PIECES_PER_DATAGRAM = 2 };

struct transmitter {
    enum transmit_mode mode;
    struct size_range sizes;
    uint64_t draws;
    struct stamp stamps[DATAGRAMS_PER_CALL];
    struct iovec pieces[DATAGRAMS_PER_CALL * PIECES_PER_DATAGRAM];
    struct mmsghdr headers[DATAGRAMS_PER_CALL];
    struct burst_control control;
    uint8_t datagram[PATTERN_SLICE_MOST];
};

struct transmitter *transmitter_new(enum transmit_mode mode, struct size_range sizes)
{
    struct transmitter *transmitter = calloc(1, sizeof *transmitter);

    if (!transmitter)
        fail("out of memory for datagrams");
    transmitter->mode = mode;
    transmitter->sizes = sizes;
    return transmitter;
}

void transmitter_free(struct transmitter *transmitter)
{
    free(transmitter);
}

static uint32_t draw_size(struct transmitter *transmitter, uint32_t most)
{
    const uint32_t least = transmitter->sizes.least;

    if (least == most)
        return most;
    return least + (uint32_t)(pattern_mix(transmitter->draws++) % (most - least + 1));
}

/* Stamp and body meet in the kernel; nothing is copied before. */
static void compose(struct transmitter *transmitter, unsigned index, struct stamp stamp)
{
    struct iovec *pieces = &transmitter->pieces[(size_t)index * PIECES_PER_DATAGRAM];

    transmitter->stamps[index] = stamp;
    pieces[0].iov_base = &transmitter->stamps[index];
    pieces[0].iov_len = STAMP_BYTES;
    pieces[1].iov_base = (void *)(uintptr_t)stamp_body(&stamp);
    pieces[1].iov_len = stamp.length - STAMP_BYTES;
}

static struct transmitted failed(void)
{
    return (struct transmitted){.error = errno};
}

static struct transmitted transmit_single(struct transmitter *transmitter,
                                          struct transmit_flow *flow, enum stamp_purpose purpose)
{
    const uint32_t size = draw_size(transmitter, transmitter->sizes.most);
    const struct stamp stamp = stamp_make(purpose, flow->name, flow->next_sequence, size);

    memcpy(transmitter->datagram, &stamp, STAMP_BYTES);
    memcpy(transmitter->datagram + STAMP_BYTES, stamp_body(&stamp), size - STAMP_BYTES);
    if (send(flow->socket, transmitter->datagram, size, 0) < 0)
        return failed();
    flow->next_sequence++;
    return (struct transmitted){.datagrams = 1, .bytes = size};
}

static void compose_message(struct transmitter *transmitter, unsigned index, struct stamp stamp)
{
    compose(transmitter, index, stamp);
    transmitter->headers[index].msg_hdr = (struct msghdr){
        .msg_iov = &transmitter->pieces[(size_t)index * PIECES_PER_DATAGRAM],
        .msg_iovlen = PIECES_PER_DATAGRAM,
    };
}

static struct transmitted transmit_messages(struct transmitter *transmitter,
                                            struct transmit_flow *flow, enum stamp_purpose purpose,
                                            unsigned most)
{
    struct transmitted done = {0};
    int sent;

    for (unsigned i = 0; i < most; i++) {
        const uint32_t size = draw_size(transmitter, transmitter->sizes.most);

        compose_message(transmitter, i,
                        stamp_make(purpose, flow->name, flow->next_sequence + i, size));
    }
    sent = sendmmsg(flow->socket, transmitter->headers, most, 0);
    if (sent < 0)
        return failed();
    done.datagrams = (unsigned)sent;
    for (unsigned i = 0; i < done.datagrams; i++)
        done.bytes += transmitter->stamps[i].length;
    flow->next_sequence += done.datagrams;
    return done;
}

static unsigned burst_datagrams(uint32_t stride, unsigned most)
{
    const unsigned fitting = UDP_BURST_BYTES_MOST / stride;

    return fitting < most ? fitting : most;
}

/* Returns the bytes of a burst: `count` datagrams of `stride` bytes, the last maybe shorter. */
static size_t compose_burst(struct transmitter *transmitter, const struct transmit_flow *flow,
                            enum stamp_purpose purpose, uint32_t stride, unsigned count)
{
    const uint32_t last = draw_size(transmitter, stride);

    for (unsigned i = 0; i < count; i++) {
        const uint32_t size = i + 1 < count ? stride : last;

        compose(transmitter, i, stamp_make(purpose, flow->name, flow->next_sequence + i, size));
    }
    return (size_t)stride * (count - 1) + last;
}

static struct transmitted transmit_burst(struct transmitter *transmitter,
                                         struct transmit_flow *flow, enum stamp_purpose purpose,
                                         unsigned most)
{
    const uint32_t stride = draw_size(transmitter, transmitter->sizes.most);
    const unsigned count = burst_datagrams(stride, most);
    const size_t bytes = compose_burst(transmitter, flow, purpose, stride, count);
    struct msghdr header = {
        .msg_iov = transmitter->pieces,
        .msg_iovlen = (size_t)count * PIECES_PER_DATAGRAM,
    };

    burst_set_stride(&header, &transmitter->control, stride);
    if (sendmsg(flow->socket, &header, 0) < 0)
        return failed();
    flow->next_sequence += count;
    return (struct transmitted){.datagrams = count, .bytes = bytes};
}

struct transmitted transmit(struct transmitter *transmitter, struct transmit_flow *flow,
                            enum stamp_purpose purpose, unsigned most)
{
    const unsigned limited = most < DATAGRAMS_PER_CALL ? most : DATAGRAMS_PER_CALL;

    if (transmitter->mode == TRANSMIT_SINGLE)
        return transmit_single(transmitter, flow, purpose);
    if (transmitter->mode == TRANSMIT_MMSG)
        return transmit_messages(transmitter, flow, purpose, limited);
    return transmit_burst(transmitter, flow, purpose, limited);
}
