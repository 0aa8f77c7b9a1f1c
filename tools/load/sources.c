#include "sources.h"

#include "arguments.h"
#include "fail.h"
#include "udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST = 0x7f400000 /* 127.64.0.0 */ };

struct control {
    _Alignas(struct cmsghdr) uint8_t bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
};

/* As many messages as a call takes, one way. */
struct messages {
    struct mmsghdr headers[SOURCES_PER_CALL];
    struct iovec pieces[SOURCES_PER_CALL];
    struct control controls[SOURCES_PER_CALL];
    uint8_t room[SOURCES_PER_CALL][DATAGRAM_MOST];
};

struct sources {
    int socket;
    struct address to;
    unsigned waiting; /* to be sent */
    struct messages out, in;
};

struct sources *sources_new(const struct address *to)
{
    const int on = 1;
    const struct address any = {.storage.ss_family = AF_INET, .length = sizeof(struct sockaddr_in)};
    struct sources *sources;

    if (to->storage.ss_family != AF_INET)
        fail_usage("--to: sources are IPv4 addresses, the destination has to be one");
    sources = calloc(1, sizeof *sources);
    if (!sources)
        fail("out of memory for datagrams");
    sources->to = *to;
    sources->socket = udp_listen(&any);
    if (setsockopt(sources->socket, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) != 0)
        fail("cannot ask for the address that a datagram was sent to: %s", strerror(errno));
    return sources;
}

void sources_free(struct sources *sources)
{
    close(sources->socket);
    free(sources);
}

int sources_socket(const struct sources *sources)
{
    return sources->socket;
}

static void set_source(struct msghdr *header, uint32_t source)
{
    const struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl(FIRST + source)};
    struct cmsghdr *item = CMSG_FIRSTHDR(header);

    item->cmsg_level = IPPROTO_IP;
    item->cmsg_type = IP_PKTINFO;
    item->cmsg_len = CMSG_LEN(sizeof info);
    memcpy(CMSG_DATA(item), &info, sizeof info);
}

static struct msghdr *prepare(struct messages *messages, unsigned index, size_t length)
{
    struct msghdr *header = &messages->headers[index].msg_hdr;

    messages->pieces[index] = (struct iovec){.iov_base = messages->room[index], .iov_len = length};
    *header = (struct msghdr){
        .msg_iov = &messages->pieces[index],
        .msg_iovlen = 1,
        .msg_control = messages->controls[index].bytes,
        .msg_controllen = sizeof messages->controls[index].bytes,
    };
    return header;
}

uint8_t *sources_next(struct sources *sources, uint32_t source, size_t length)
{
    const unsigned index = sources->waiting++;
    struct msghdr *header = prepare(&sources->out, index, length);

    header->msg_name = &sources->to.storage;
    header->msg_namelen = sources->to.length;
    set_source(header, source);
    return sources->out.room[index];
}

/* A message that the kernel refuses must not take those behind it along. */
void sources_flush(struct sources *sources)
{
    for (unsigned done = 0; done < sources->waiting;) {
        const int sent =
            sendmmsg(sources->socket, sources->out.headers + done, sources->waiting - done, 0);

        done += sent > 0 ? (unsigned)sent : 1;
    }
    sources->waiting = 0;
}

unsigned sources_receive(struct sources *sources)
{
    int received;

    for (unsigned i = 0; i < SOURCES_PER_CALL; i++)
        prepare(&sources->in, i, DATAGRAM_MOST);
    received = recvmmsg(sources->socket, sources->in.headers, SOURCES_PER_CALL, MSG_DONTWAIT, NULL);
    return received > 0 ? (unsigned)received : 0;
}

/* Whom a datagram was sent to. */
static uint32_t destination(struct msghdr *header)
{
    for (struct cmsghdr *item = CMSG_FIRSTHDR(header); item; item = CMSG_NXTHDR(header, item)) {
        struct in_pktinfo info;

        if (item->cmsg_level != IPPROTO_IP || item->cmsg_type != IP_PKTINFO)
            continue;
        memcpy(&info, CMSG_DATA(item), sizeof info);
        return ntohl(info.ipi_addr.s_addr);
    }
    return 0;
}

struct source_message sources_message(const struct sources *sources, unsigned index)
{
    struct msghdr header = sources->in.headers[index].msg_hdr;

    return (struct source_message){
        .data = sources->in.room[index],
        .length = sources->in.headers[index].msg_len,
        .source = destination(&header) - FIRST,
    };
}
