#include "ancillary.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>

#ifndef UDP_GRO
#define UDP_GRO 104 /* linux/udp.h, since 5.0 */
#endif

struct object {
    int level, type;
    const uint8_t *data;
    size_t len;
};

static bool is(const struct object *object, int level, int type, size_t len)
{
    return object->level == level && object->type == type && object->len >= len;
}

static void read_object(const struct object *object, struct ftun_ancillary *told)
{
    if (is(object, SOL_UDP, UDP_GRO, sizeof(int))) {
        int segment_size;
        memcpy(&segment_size, object->data, sizeof segment_size);
        told->segment_size = segment_size > 0 ? (size_t)segment_size : 0;
    } else if (is(object, IPPROTO_IP, IP_PKTINFO, sizeof told->local.in)) {
        told->local.family = FTUN_IPV4;
        memcpy(&told->local.in, object->data, sizeof told->local.in);
    } else if (is(object, IPPROTO_IPV6, IPV6_PKTINFO, sizeof told->local.in6)) {
        told->local.family = FTUN_IPV6;
        memcpy(&told->local.in6, object->data, sizeof told->local.in6);
    } else if (is(object, IPPROTO_IP, IP_RECVERR, sizeof(struct sock_extended_err)) ||
               is(object, IPPROTO_IPV6, IPV6_RECVERR, sizeof(struct sock_extended_err))) {
        struct sock_extended_err error;
        memcpy(&error, object->data, sizeof error);
        told->refused |= error.ee_errno == ECONNREFUSED;
    }
}

/* CMSG_NXTHDR() of glibc before 2.37 computes pointers behind the buffer. */
struct ftun_ancillary ftun_ancillary_read(const void *control, size_t len)
{
    const uint8_t *const bytes = control;
    struct ftun_ancillary told = {.local.family = FTUN_FAMILY_NONE};
    struct cmsghdr header;
    for (size_t off = 0; off + sizeof header <= len; off += CMSG_ALIGN(header.cmsg_len)) {
        memcpy(&header, bytes + off, sizeof header);
        if (header.cmsg_len < sizeof header || header.cmsg_len > len - off)
            break;
        read_object(&(struct object){.level = header.cmsg_level,
                                     .type = header.cmsg_type,
                                     .data = bytes + off + sizeof header,
                                     .len = header.cmsg_len - sizeof header},
                    &told);
    }
    return told;
}
