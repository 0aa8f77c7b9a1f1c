/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* What the programs in the kernel (divert.bpf.c) and ftun (src/io/divert*.c) have in common: the
 * shapes of the maps between them. No padding anywhere: the kernel compares keys byte by byte. */
#ifndef FTUN_BPF_DIVERT_SHARED_H
#define FTUN_BPF_DIVERT_SHARED_H

#include <stdint.h>

/* Bytes in network order, IPv4 in the first four, the rest zero: as struct ftun_address. */
struct divert_address {
    uint32_t family; /* 4 or 6 */
    uint32_t words[4];
};

struct divert_socket_address {
    struct divert_address ip;
    uint32_t port; /* host order */
};

struct divert_prefix {
    uint32_t len; /* bits, of what follows */
    struct divert_address address;
};

enum { DIVERT_PREFIX_BASE = 32 }; /* bits of a prefix's length that are the family's */

/* Fixed when the programs are loaded. Ports in host order, both ends of the range included. */
struct divert_settings {
    uint32_t server;                /* else a client */
    uint32_t port;                  /* server */
    uint32_t port_first, port_last; /* client */
    uint32_t filtered;              /* the prefixes are who may come: server */
    uint32_t mark;                  /* 0: none */
};

/* Numbers of the counters in struct divert_counts, as struct ftun_divert_counters has them. */
enum divert_counter {
    DIVERT_TAKEN,
    DIVERT_LEFT,
    DIVERT_NOT_ALLOWED,
    DIVERT_FLOOD,
    DIVERT_NO_ROUTE,
    DIVERT_TOO_BIG,
    DIVERT_NOT_OURS,
    DIVERT_COUNTERS
};

struct divert_counts {
    uint64_t of[DIVERT_COUNTERS];
};

/* An IP header without options or extension headers, and a TCP header without options. */
enum { DIVERT_QUOTE_MAX = 60 };

/* A packet that was too big for its route. */
struct divert_too_big {
    uint32_t mtu; /* bytes; 0: this kernel does not say (before Linux 5.12) */
    uint32_t quote_len;
    uint8_t quote[DIVERT_QUOTE_MAX]; /* the packet's first bytes */
};

#endif
