#include "reply.h"

#include "burst.h"
#include "fail.h"
#include "udp.h"

#include <stdlib.h>

enum { MESSAGES_PER_CALL = 64 };

struct reply {
    size_t most;
    unsigned count;
    struct mmsghdr headers[MESSAGES_PER_CALL];
    struct iovec pieces[MESSAGES_PER_CALL];
    struct burst_control controls[MESSAGES_PER_CALL];
};

struct reply *reply_new(size_t most)
{
    struct reply *reply = calloc(1, sizeof *reply);

    if (!reply)
        fail("out of memory for echoes");
    reply->most = most;
    return reply;
}

void reply_free(struct reply *reply)
{
    free(reply);
}

/* A message that the kernel refuses must not take those behind it along. */
static void flush(struct reply *reply, int socket)
{
    for (unsigned done = 0; done < reply->count;) {
        const int sent = sendmmsg(socket, reply->headers + done, reply->count - done, 0);

        done += sent > 0 ? (unsigned)sent : 1;
    }
    reply->count = 0;
}

static void add(struct reply *reply, const struct arrival *whole, size_t at, size_t length)
{
    struct msghdr *header = &reply->headers[reply->count].msg_hdr;
    struct iovec *piece = &reply->pieces[reply->count];

    /* sendmsg() only reads through both pointers, but its types cannot say so. */
    *piece = (struct iovec){.iov_base = (void *)(uintptr_t)(whole->data + at), .iov_len = length};
    *header = (struct msghdr){
        .msg_name = (void *)(uintptr_t)&whole->from->storage,
        .msg_namelen = whole->from->length,
        .msg_iov = piece,
        .msg_iovlen = 1,
    };
    if (length > whole->stride)
        burst_set_stride(header, &reply->controls[reply->count], whole->stride);
    reply->count++;
}

/* More datagrams may have been glued together than one send call takes. */
static void add_message(struct reply *reply, int socket, const struct arrival *arrival)
{
    const size_t most = arrival->stride * UDP_BURST_DATAGRAMS_MOST;

    for (size_t at = 0; at < arrival->length; at += most) {
        const size_t left = arrival->length - at;

        if (reply->count == MESSAGES_PER_CALL)
            flush(reply, socket);
        add(reply, arrival, at, left < most ? left : most);
    }
}

void reply_send(struct reply *reply, int socket, const struct batch *batch, unsigned messages)
{
    for (unsigned i = 0; i < messages; i++) {
        const struct arrival arrival = batch_arrival(batch, i);

        if (arrival.stride <= reply->most)
            add_message(reply, socket, &arrival);
    }
    flush(reply, socket);
}
