/* What the kernel tells beside a datagram (RFC 3542: ancillary data), read from its bytes. */
#ifndef FTUN_IO_ANCILLARY_H
#define FTUN_IO_ANCILLARY_H

#include "address.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

/* The address that a datagram was sent to: answers leave from there. */
struct ftun_udp_local {
    uint8_t family; /* enum ftun_family; NONE: the kernel chooses */
    union {
        struct in_pktinfo in;
        struct in6_pktinfo in6;
    };
};

struct ftun_ancillary {
    size_t segment_size; /* bytes a datagram of those that the kernel glued; 0: not told */
    struct ftun_udp_local local;
    bool refused; /* an error message: by the port that something was sent to */
};

/* Read `len` bytes at `control`, which need no alignment. What is unknown, or shorter than what it
 * says it is, is skipped; the rest behind an impossible length is, too. */
struct ftun_ancillary ftun_ancillary_read(const void *control, size_t len);

#endif
