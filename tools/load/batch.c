#include "batch.h"

#include "fail.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>

/*
 * The largest message, and a bit: with a power of two the first lines of all messages would fall
 * into the same few sets of the processor's cache.
 */
enum { MESSAGE_ROOM = 65536 + 320 };

struct message {
    struct iovec piece;
    struct address from;
    _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(int))];
};

struct batch {
    unsigned count;
    struct mmsghdr *headers;
    struct message *messages;
    uint8_t *room;
};

struct batch *batch_new(unsigned messages)
{
    struct batch *batch = calloc(1, sizeof *batch);

    if (!batch)
        return NULL;
    batch->count = messages;
    batch->headers = calloc(messages, sizeof *batch->headers);
    batch->messages = calloc(messages, sizeof *batch->messages);
    batch->room = malloc((size_t)messages * MESSAGE_ROOM);
    if (!batch->headers || !batch->messages || !batch->room) {
        batch_free(batch);
        return NULL;
    }
    return batch;
}

void batch_free(struct batch *batch)
{
    if (!batch)
        return;
    free(batch->headers);
    free(batch->messages);
    free(batch->room);
    free(batch);
}

/* The kernel overwrites the lengths in a header, so every call starts from fresh ones. */
static void offer(struct batch *batch, unsigned index)
{
    struct message *message = &batch->messages[index];

    message->piece.iov_base = batch->room + (size_t)index * MESSAGE_ROOM;
    message->piece.iov_len = MESSAGE_ROOM;
    batch->headers[index].msg_hdr = (struct msghdr){
        .msg_name = &message->from.storage,
        .msg_namelen = sizeof message->from.storage,
        .msg_iov = &message->piece,
        .msg_iovlen = 1,
        .msg_control = message->control,
        .msg_controllen = sizeof message->control,
    };
}

static bool is_passing(int error)
{
    return error == EAGAIN || error == EINTR || error == ECONNREFUSED || error == EHOSTUNREACH ||
           error == ENETUNREACH;
}

unsigned batch_receive(struct batch *batch, int socket, int flags)
{
    int received;

    for (unsigned i = 0; i < batch->count; i++)
        offer(batch, i);
    received = recvmmsg(socket, batch->headers, batch->count, flags, NULL);
    if (received >= 0) {
        for (int i = 0; i < received; i++)
            batch->messages[i].from.length = batch->headers[i].msg_hdr.msg_namelen;
        return (unsigned)received;
    }
    if (!is_passing(errno))
        fail("cannot receive: %s", strerror(errno));
    return 0;
}

/* Absent when the message is a single datagram. */
static size_t glued_stride(struct msghdr *header, size_t otherwise)
{
    for (struct cmsghdr *item = CMSG_FIRSTHDR(header); item; item = CMSG_NXTHDR(header, item)) {
        int stride;

        if (item->cmsg_level != SOL_UDP || item->cmsg_type != UDP_GRO)
            continue;
        memcpy(&stride, CMSG_DATA(item), sizeof stride);
        return stride > 0 ? (size_t)stride : otherwise;
    }
    return otherwise;
}

struct arrival batch_arrival(const struct batch *batch, unsigned index)
{
    struct mmsghdr *header = &batch->headers[index];

    return (struct arrival){
        .data = batch->messages[index].piece.iov_base,
        .length = header->msg_len,
        .stride = glued_stride(&header->msg_hdr, header->msg_len),
        .from = &batch->messages[index].from,
    };
}
