#include "udp.h"

#include "limits.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103 /* linux/udp.h, since 4.18 */
#endif
#ifndef UDP_GRO
#define UDP_GRO 104 /* linux/udp.h, since 5.0 */
#endif

enum {
    SOCKET_BUFFER = 8 << 20, /* bytes: some 20 ms of full speed */
    SEGMENTS_MAX = 64,       /* UDP_MAX_SEGMENTS of Linux before 6.9 */
    UDP_PAYLOAD_MAX = 65507, /* RFC 768 over RFC 791: what fits an IPv4 packet */
    /* Not a power of two: message buffers must not all start in the same cache sets. */
    MESSAGE_BUFFER = 65536 + 1088,
    CONTROL_BUFFER = 128, /* bytes: packet info and segment size, or an error */
    SEND_TRIES = 3,
    /* Of a call: what is still in a second-level cache when it is written to the TUN. */
    BYTES_PER_CALL = 1 << 20,
    /* Messages that a buffer can hold: the kernel makes it twice as large as it is told. */
    BUFFERED_MAX = 2 * SOCKET_BUFFER / FTUN_UDP_CHARGE_MIN
};

/* --- sockets ------------------------------------------------------------------------------ */

/* The privileged option first: it may exceed net.core.rmem_max. Neither is worth failing for. */
static void enlarge_buffers(int fd)
{
    const int size = SOCKET_BUFFER;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) != 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

static int open_socket(const union ftun_sockaddr *address)
{
    const int fd = socket(address->any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    const int on = 1;
    setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof on); /* without it: one datagram a message */
    enlarge_buffers(fd);
    return fd;
}

/* One socket is spoken to by all applications, so it is not connected: the kernel tells it of
 * errors on request alone. A dual-stack socket has those of both families. */
static void ask_for_errors(int fd, int family)
{
    const int on = 1;
    setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
    if (family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
}

static void ask_for_local_address(int fd, int family)
{
    const int on = 1;
    const int off = 0;
    if (family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
        setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
    } else {
        setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    }
}

static void share_port(int fd)
{
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
}

static int listen_on(const struct ftun_socket_address *address, bool shared,
                     struct ftun_error *error)
{
    const union ftun_sockaddr bound = ftun_sockaddr_from_core(address);
    const int fd = open_socket(&bound);
    if (fd < 0) {
        ftun_fail(error, "cannot make a UDP socket: %s", strerror(errno));
        return -1;
    }
    ask_for_local_address(fd, bound.any.sa_family);
    ask_for_errors(fd, bound.any.sa_family);
    if (shared)
        share_port(fd);
    if (bind(fd, &bound.any, ftun_sockaddr_len(&bound)) == 0)
        return fd;
    if (errno == EADDRINUSE)
        ftun_fail(error,
                  "UDP port %u is in use by another program (ss -ulnp sport = :%u names "
                  "it); choose another --local",
                  address->port, address->port);
    else if (errno == EADDRNOTAVAIL)
        ftun_fail(error, "the --local address is none of this host's (ip address shows them)");
    else
        ftun_fail(error, "cannot listen on UDP port %u: %s", address->port, strerror(errno));
    close(fd);
    return -1;
}

int ftun_udp_listen(const struct ftun_socket_address *address, struct ftun_error *error)
{
    return listen_on(address, false, error);
}

size_t ftun_udp_discard(int fd)
{
    size_t discarded = 0;
    while (discarded < BUFFERED_MAX && recv(fd, NULL, 0, MSG_DONTWAIT) >= 0)
        discarded++;
    return discarded;
}

/* The first socket is bound alone, so a port that another program has is found out, and shared
 * afterwards. */
int ftun_udp_listen_beside(int first, const struct ftun_socket_address *address,
                           struct ftun_error *error)
{
    share_port(first);
    return listen_on(address, true, error);
}

int ftun_udp_connect(const struct ftun_socket_address *address)
{
    const union ftun_sockaddr peer = ftun_sockaddr_from_core(address);
    const int fd = open_socket(&peer);
    if (fd < 0 || connect(fd, &peer.any, ftun_sockaddr_len(&peer)) == 0)
        return fd;
    const int cause = errno;
    close(fd);
    errno = cause;
    return -1;
}

int ftun_udp_open_loopback(struct ftun_error *error)
{
    static const char loopback[] = "lo";
    const union ftun_sockaddr any = {.in.sin_family = AF_INET};
    const int fd = open_socket(&any);
    if (fd >= 0) {
        ask_for_local_address(fd, AF_INET);
        ask_for_errors(fd, AF_INET);
        if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, loopback, sizeof loopback) == 0 &&
            bind(fd, &any.any, ftun_sockaddr_len(&any)) == 0)
            return fd;
    }
    ftun_fail(error, "cannot make a UDP socket on the loopback device: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

/* --- a second socket on a port ------------------------------------------------------------ */

/* The kernel lets sockets of one user share a port if all of them say so when the last is bound. A
 * lone listener says so at no other time: the port is in use. */
static bool bind_beside(int fd, int listener, const union ftun_sockaddr *address)
{
    int shared = 0;
    socklen_t len = sizeof shared;
    getsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &shared, &len);
    share_port(fd);
    share_port(listener);
    const bool bound = bind(fd, &address->any, ftun_sockaddr_len(address)) == 0;
    setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &shared, sizeof shared);
    return bound;
}

/* Where a message was sent to, and by which interface it came. */
static bool local_end(int listener, const struct ftun_udp_message *message,
                      union ftun_sockaddr *address, int *interface)
{
    socklen_t len = sizeof *address;
    if (getsockname(listener, &address->any, &len) != 0)
        return false;
    if (message->local.family == FTUN_IPV4) {
        address->in.sin_addr = message->local.in.ipi_spec_dst;
        *interface = message->local.in.ipi_ifindex;
    } else if (message->local.family == FTUN_IPV6) {
        address->in6.sin6_addr = message->local.in6.ipi6_addr;
        *interface = (int)message->local.in6.ipi6_ifindex;
    }
    return message->local.family != FTUN_FAMILY_NONE;
}

/* Of an interface: the kernel spreads what comes over the sockets that listen on a port, and one
 * that is bound to an interface is none of those. */
int ftun_udp_branch_off(int listener, const struct ftun_udp_message *message, uint64_t *lost)
{
    union ftun_sockaddr address = {.any.sa_family = AF_UNSPEC};
    int interface;
    if (!local_end(listener, message, &address, &interface))
        return -1;
    const int fd = open_socket(&address);
    if (fd < 0)
        return -1;
    ask_for_local_address(fd, address.any.sa_family);
    setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &interface, sizeof interface);
    const bool ready =
        bind_beside(fd, listener, &address) &&
        connect(fd, &message->reply_to->any, ftun_sockaddr_len(message->reply_to)) == 0;
    *lost += ftun_udp_discard(fd); /* what came before it was connected: anybody's */
    if (ready)
        return fd;
    const int cause = errno;
    close(fd);
    errno = cause;
    return -1;
}

/* --- receiving ---------------------------------------------------------------------------- */

struct ftun_udp_batch {
    bool addressed;     /* what it is armed for */
    size_t used;        /* messages that the last call has changed */
    size_t asked, next; /* messages, at most: by the last call and by the next */
    struct ftun_udp_message messages[FTUN_UDP_MESSAGES_MAX];
    struct mmsghdr headers[FTUN_UDP_MESSAGES_MAX];
    struct iovec vectors[FTUN_UDP_MESSAGES_MAX];
    union ftun_sockaddr sources[FTUN_UDP_MESSAGES_MAX];
    _Alignas(struct cmsghdr) uint8_t control[FTUN_UDP_MESSAGES_MAX][CONTROL_BUFFER];
    uint8_t buffers[FTUN_UDP_MESSAGES_MAX][MESSAGE_BUFFER];
};

struct ftun_udp_batch *ftun_udp_batch_create(void)
{
    struct ftun_udp_batch *batch = calloc(1, sizeof *batch);
    if (batch == NULL)
        return NULL;
    for (size_t i = 0; i < FTUN_UDP_MESSAGES_MAX; i++) {
        batch->vectors[i] =
            (struct iovec){.iov_base = batch->buffers[i], .iov_len = MESSAGE_BUFFER};
        batch->headers[i].msg_hdr.msg_iov = &batch->vectors[i];
        batch->headers[i].msg_hdr.msg_iovlen = 1;
    }
    batch->used = FTUN_UDP_MESSAGES_MAX; /* none is armed yet */
    batch->next = FTUN_UDP_MESSAGES_MAX;
    return batch;
}

void ftun_udp_batch_destroy(struct ftun_udp_batch *batch)
{
    free(batch);
}

/* What the kernel changed by the last call. */
static void rearm(struct ftun_udp_batch *batch, bool addressed)
{
    const size_t count = batch->addressed == addressed ? batch->used : FTUN_UDP_MESSAGES_MAX;
    for (size_t i = 0; i < count; i++) {
        struct msghdr *header = &batch->headers[i].msg_hdr;
        header->msg_name = addressed ? &batch->sources[i] : NULL;
        header->msg_namelen = addressed ? sizeof batch->sources[i] : 0;
        header->msg_control = batch->control[i];
        header->msg_controllen = CONTROL_BUFFER;
    }
    batch->addressed = addressed;
}

static void read_message(struct ftun_udp_batch *batch, size_t i, bool addressed)
{
    struct ftun_udp_message *message = &batch->messages[i];
    const struct msghdr *header = &batch->headers[i].msg_hdr;
    const struct ftun_ancillary told =
        ftun_ancillary_read(header->msg_control, header->msg_controllen);
    message->data = batch->buffers[i];
    message->len = batch->headers[i].msg_len;
    message->stride = told.segment_size > 0 ? told.segment_size : message->len;
    message->flow = FTUN_NO_FLOW;
    message->local = told.local;
    message->reply_to = &batch->sources[i];
    message->source =
        addressed ? ftun_sockaddr_to_core(&batch->sources[i]) : (struct ftun_socket_address){0};
}

/* As many as make BYTES_PER_CALL if they are as large as these `count`, more than 0, in the mean.
 */
static size_t messages_to_ask(const struct ftun_udp_batch *batch, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += batch->messages[i].len;
    return bytes * FTUN_UDP_MESSAGES_MAX <= BYTES_PER_CALL * count ? FTUN_UDP_MESSAGES_MAX
                                                                   : BYTES_PER_CALL * count / bytes;
}

int ftun_udp_receive(int fd, struct ftun_udp_batch *batch, bool addressed)
{
    rearm(batch, addressed);
    batch->asked = batch->next;
    const int count = recvmmsg(fd, batch->headers, (unsigned)batch->asked, MSG_DONTWAIT, NULL);
    batch->used = count < 0 ? FTUN_UDP_MESSAGES_MAX : (size_t)count;
    if (count < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    for (size_t i = 0; i < (size_t)count; i++)
        read_message(batch, i, addressed);
    if (count > 0)
        batch->next = messages_to_ask(batch, (size_t)count);
    return count;
}

bool ftun_udp_filled(const struct ftun_udp_batch *batch, int count)
{
    return count > 0 && (size_t)count == batch->asked;
}

const struct ftun_udp_message *ftun_udp_message(const struct ftun_udp_batch *batch, size_t i)
{
    return &batch->messages[i];
}

bool ftun_udp_look(int fd, struct ftun_udp_buffer *buffer)
{
    uint32_t values[SK_MEMINFO_VARS];
    socklen_t len = sizeof values;
    if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, values, &len) != 0 || len < sizeof values)
        return false;
    buffer->used = values[SK_MEMINFO_RMEM_ALLOC];
    buffer->size = values[SK_MEMINFO_RCVBUF];
    buffer->dropped = values[SK_MEMINFO_DROPS];
    return true;
}

void ftun_udp_assign(struct ftun_udp_batch *batch, size_t i, uint32_t flow)
{
    batch->messages[i].flow = flow;
}

size_t ftun_udp_take_refusals(int fd)
{
    size_t refused = 0;
    for (size_t i = 0; i < FTUN_UDP_MESSAGES_MAX; i++) {
        _Alignas(struct cmsghdr) uint8_t control[CONTROL_BUFFER];
        struct msghdr header = {.msg_control = control, .msg_controllen = sizeof control};
        if (recvmsg(fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
            break;
        refused += ftun_ancillary_read(header.msg_control, header.msg_controllen).refused;
    }
    return refused;
}

/* --- joining ------------------------------------------------------------------------------ */

static bool same_source(const struct ftun_udp_message *a, const struct ftun_udp_message *b)
{
    return a->flow == b->flow && ftun_socket_address_equal(&a->source, &b->source);
}

/* May `next` follow what is in `burst`? Datagrams of the same size may, and one shorter datagram,
 * which is then the last: nothing follows a burst that ends short. */
static bool joins(const struct ftun_burst *burst, const struct ftun_udp_message *next)
{
    const bool same_size = next->stride == burst->stride;
    const bool one_shorter = next->len == next->stride && next->len < burst->stride;
    return burst->stride > 0 && burst->len % burst->stride == 0 && next->len > 0 &&
           (same_size || one_shorter) && burst->len + next->len <= FTUN_BURST_MAX;
}

static void append(struct ftun_burst *burst, struct ftun_slice *slices,
                   const struct ftun_udp_message *message)
{
    slices[burst->slice_count++] = (struct ftun_slice){.data = message->data, .len = message->len};
    burst->len += message->len;
}

static bool is_taken(ftun_udp_taken taken, size_t i)
{
    return (taken >> i & 1) != 0;
}

/* Datagrams of several flows arrive interleaved: a burst skips those of others, and ends at the
 * first of its own source that may not join. */
struct ftun_burst ftun_udp_next_burst(const struct ftun_udp_batch *batch, size_t count,
                                      ftun_udp_taken *taken, struct ftun_slice *slices,
                                      const struct ftun_udp_message **head)
{
    size_t i = (size_t)__builtin_ctzll(~*taken);
    *head = &batch->messages[i];
    struct ftun_burst burst = {.slices = slices, .stride = (*head)->stride};
    append(&burst, slices, *head);
    *taken |= UINT64_C(1) << i;
    for (i++; i < count; i++) {
        const struct ftun_udp_message *next = &batch->messages[i];
        if (is_taken(*taken, i) || !same_source(*head, next))
            continue;
        if (!joins(&burst, next))
            break;
        append(&burst, slices, next);
        *taken |= UINT64_C(1) << i;
    }
    return burst;
}

/* --- sending ------------------------------------------------------------------------------ */

struct outgoing {
    struct msghdr header;
    struct iovec vector;
    union ftun_sockaddr to;
    _Alignas(struct cmsghdr) uint8_t control[CONTROL_BUFFER];
};

static void *append_control(struct msghdr *header, int level, int type, size_t len)
{
    struct cmsghdr *c;
    uint8_t *const end = (uint8_t *)header->msg_control + header->msg_controllen;
    void *const at = end;
    c = at;
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(len);
    header->msg_controllen += CMSG_SPACE(len);
    return CMSG_DATA(c);
}

static void append_local(struct msghdr *header, const struct ftun_udp_local *local)
{
    if (local->family == FTUN_IPV4) {
        /* spec_dst is the address; with an interface given, routing would be bound to it */
        const struct in_pktinfo info = {.ipi_spec_dst = local->in.ipi_spec_dst};
        memcpy(append_control(header, IPPROTO_IP, IP_PKTINFO, sizeof info), &info, sizeof info);
    } else if (local->family == FTUN_IPV6) {
        struct in6_pktinfo info = {.ipi6_addr = local->in6.ipi6_addr};
        if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
            info.ipi6_ifindex = local->in6.ipi6_ifindex;
        memcpy(append_control(header, IPPROTO_IPV6, IPV6_PKTINFO, sizeof info), &info, sizeof info);
    }
}

static void address(struct outgoing *out, const union ftun_sockaddr *to,
                    const struct ftun_udp_local *local)
{
    memset(&out->header, 0, sizeof out->header);
    memset(out->control, 0, sizeof out->control);
    out->header.msg_iov = &out->vector;
    out->header.msg_iovlen = 1;
    out->header.msg_control = out->control;
    if (to != NULL) {
        out->to = *to;
        out->header.msg_name = &out->to;
        out->header.msg_namelen = ftun_sockaddr_len(to);
    }
    if (local != NULL)
        append_local(&out->header, local);
}

/* A signal; or, where all applications share a socket, the refusal of an earlier datagram, which
 * was perhaps another one's: the kernel tells of it in place of sending this one. */
static bool passes(const struct outgoing *out)
{
    return errno == EINTR || (errno == ECONNREFUSED && out->header.msg_name != NULL);
}

static bool send_bytes(int fd, struct outgoing *out, const uint8_t *data, size_t len)
{
    union {
        const uint8_t *read;
        void *base; /* sendmsg() only reads */
    } pointer = {.read = data};
    out->vector = (struct iovec){.iov_base = pointer.base, .iov_len = len};
    ssize_t sent;
    int tries = 0;
    do
        sent = sendmsg(fd, &out->header, MSG_DONTWAIT);
    while (sent < 0 && ++tries < SEND_TRIES && passes(out));
    return sent >= 0;
}

/* As one message that the kernel cuts. */
static bool send_cut_by_kernel(int fd, struct outgoing *out, const uint8_t *data, size_t len,
                               size_t stride)
{
    const size_t control_len = out->header.msg_controllen;
    const uint16_t segment_size = (uint16_t)stride;
    memcpy(append_control(&out->header, SOL_UDP, UDP_SEGMENT, sizeof segment_size), &segment_size,
           sizeof segment_size);
    const bool sent = send_bytes(fd, out, data, len);
    out->header.msg_controllen = control_len;
    return sent;
}

/* An error that says that the kernel cannot cut here: no UDP_SEGMENT, or datagrams larger than
 * the link, which must be sent as IP fragments. */
static bool cannot_cut(int cause)
{
    return cause == EINVAL || cause == EMSGSIZE || cause == EIO || cause == EOPNOTSUPP;
}

static size_t send_one_by_one(int fd, struct outgoing *out, const uint8_t *data, size_t len,
                              size_t stride)
{
    size_t failed = 0;
    for (size_t off = 0; off < len; off += stride) {
        const size_t datagram = len - off < stride ? len - off : stride;
        if (!send_bytes(fd, out, data + off, datagram))
            failed++;
    }
    return failed;
}

static size_t send_part(int fd, struct outgoing *out, const uint8_t *data, size_t len,
                        size_t stride)
{
    if (len <= stride)
        return send_bytes(fd, out, data, len) ? 0 : 1;
    if (send_cut_by_kernel(fd, out, data, len, stride))
        return 0;
    if (cannot_cut(errno))
        return send_one_by_one(fd, out, data, len, stride);
    return ftun_datagram_count(len, stride);
}

static size_t part_len(size_t stride)
{
    const size_t fitting = UDP_PAYLOAD_MAX / stride * stride;
    const size_t most = SEGMENTS_MAX * stride;
    return fitting < most ? fitting : most;
}

size_t ftun_udp_send(int fd, const union ftun_sockaddr *to, const struct ftun_udp_local *local,
                     const uint8_t *data, size_t len, size_t stride)
{
    if (stride > UDP_PAYLOAD_MAX) {
        errno = EMSGSIZE;
        return ftun_datagram_count(len, stride);
    }
    struct outgoing out;
    address(&out, to, local);
    const size_t most = part_len(stride);
    size_t failed = 0;
    for (size_t off = 0; off < len; off += most)
        failed += send_part(fd, &out, data + off, len - off < most ? len - off : most, stride);
    return failed;
}
