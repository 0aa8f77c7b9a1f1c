/* UDP sockets: many datagrams a call in, bursts out. */
#ifndef FTUN_IO_UDP_H
#define FTUN_IO_UDP_H

#include "ancillary.h"
#include "burst.h"
#include "error.h"
#include "sockaddr.h"

#include <netinet/in.h>

/* A socket bound to `address` that tells for each datagram where it was sent to, and of ports that
 * refuse what was sent to them. -1 on error. */
int ftun_udp_listen(const struct ftun_socket_address *address, struct ftun_error *error);

/* One more socket like `fd`, which listens on `address` already: the kernel gives each source to
 * one of them. -1 on error. */
int ftun_udp_listen_beside(int fd, const struct ftun_socket_address *address,
                           struct ftun_error *error);

/* Throw away what a socket has received by now, and not what comes without end meanwhile. Returns
 * how many messages that was. */
size_t ftun_udp_discard(int fd);

/* A socket connected to `address`. -1 with errno on error. */
int ftun_udp_connect(const struct ftun_socket_address *address);

/* A socket for any address out of 127.0.0.0/8, on a port that the kernel chose, which hears the
 * loopback device alone; otherwise as a listening one. -1 on error. */
int ftun_udp_open_loopback(struct ftun_error *error);

/* What one receive call brought: messages, each one datagram or several of equal size that the
 * kernel glued (the last may be shorter). */
struct ftun_udp_message {
    const uint8_t *data;
    size_t len;    /* bytes */
    size_t stride; /* bytes a datagram; 0: one empty datagram */
    uint32_t flow; /* FTUN_NO_FLOW unless the caller has assigned it to one */
    /* of a listening socket: */
    struct ftun_socket_address source;
    const union ftun_sockaddr *reply_to; /* the source as the socket wants it back */
    struct ftun_udp_local local;
};

/* A socket on the port of `listener` that gets what comes from the source of `message` to the
 * address that this was sent to, in place of the listener. What is in the listener's buffer stays
 * there; what comes at the very moment is lost, and added to `lost`. -1 with errno on error. */
int ftun_udp_branch_off(int listener, const struct ftun_udp_message *message, uint64_t *lost);

/* The kernel charges a message to the buffer with its own records, so with more than this (bytes):
 * struct sk_buff and struct skb_shared_info are that large on all 64-bit machines. */
#define FTUN_UDP_CHARGE_MIN 512u

/* How full a socket's receive buffer is. */
struct ftun_udp_buffer {
    uint32_t used, size; /* bytes, with what the kernel adds to each message */
    uint32_t dropped;    /* messages that there was no room for, since ever; modulo 2^32 */
};

bool ftun_udp_look(int fd, struct ftun_udp_buffer *buffer);

#define FTUN_UDP_MESSAGES_MAX 64u /* bits of an ftun_udp_taken */

struct ftun_udp_batch; /* buffers of one receive call, a few MiB; reused by each */

struct ftun_udp_batch *ftun_udp_batch_create(void); /* NULL without memory */
void ftun_udp_batch_destroy(struct ftun_udp_batch *batch);

/* Receive what is there, up to FTUN_UDP_MESSAGES_MAX messages, fewer if those before were large;
 * `addressed` as for a listening socket. Returns how many, 0 when none, -1 with errno (ECONNREFUSED
 * and its like: the far application's port answered by ICMP; the socket is as good as before). The
 * messages are valid until the next call. */
int ftun_udp_receive(int fd, struct ftun_udp_batch *batch, bool addressed);

/* Has the call that brought `count` messages taken as many as it would? More may be there. */
bool ftun_udp_filled(const struct ftun_udp_batch *batch, int count);

const struct ftun_udp_message *ftun_udp_message(const struct ftun_udp_batch *batch, size_t i);

/* The message is this flow's: those of others are not joined to it, whatever their source. */
void ftun_udp_assign(struct ftun_udp_batch *batch, size_t i, uint32_t flow);

/* Which messages of a batch have become part of a burst: one bit each. */
typedef uint64_t ftun_udp_taken;

/* The first message not taken, and those after it of the same source, flow and size, joined to one
 * burst; its slices are written to `slices` (room for FTUN_UDP_MESSAGES_MAX), its messages are
 * marked in `taken`. Order is kept within each source and flow. Call while messages are left. */
struct ftun_burst ftun_udp_next_burst(const struct ftun_udp_batch *batch, size_t count,
                                      ftun_udp_taken *taken, struct ftun_slice *slices,
                                      const struct ftun_udp_message **head);

/* Are messages left? */
static inline bool ftun_udp_left(size_t count, ftun_udp_taken taken)
{
    const ftun_udp_taken all = count == 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;
    return taken != all;
}

/* How often a listening socket has been told by ICMP that what it sent was refused: takes up to
 * FTUN_UDP_MESSAGES_MAX of the messages. Until all are taken epoll says EPOLLERR. */
size_t ftun_udp_take_refusals(int fd);

/* Send `len` bytes as datagrams of `stride` bytes (the last may be shorter): to `to` from `local`,
 * or where the socket is connected to when both are NULL. Returns how many datagrams were not
 * accepted by the kernel; errno is then the last reason. */
size_t ftun_udp_send(int fd, const union ftun_sockaddr *to, const struct ftun_udp_local *local,
                     const uint8_t *data, size_t len, size_t stride);

#endif
