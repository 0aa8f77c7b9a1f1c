/* The divert attachment's two programs in the kernel (src/bpf/divert.bpf.c): on the ingress of the
 * host's links they take the tunnel's packets to the TUN before the IP stack sees them; on the
 * ingress of the TUN they send what ftun writes by the host's routes.
 *
 *     link ──> ftun_arrives ──> TUN ──> ftun ──> TUN ──> ftun_leaves ──> the link of the route
 *
 * What is the tunnel's: of a server, what goes to its TCP port at an address of this host; of a
 * client, what comes from a server's address and port to one of the client's own ports at an
 * address of this host; the later fragments of such packets, and ICMP errors about the tunnel's
 * own. All else passes untouched. When the TUN is gone, and a TUN goes with its process, everything
 * passes: a dead ftun swallows nothing. */
#ifndef FTUN_IO_DIVERT_H
#define FTUN_IO_DIVERT_H

#include "endpoint.h"
#include "error.h"
#include "links.h"
#include "remotes.h"
#include "steering.h"

/* Where programs are hooked in: links of tcx die with the process (Linux 6.6); filters of clsact
 * stay behind after a crash, without effect, and are removed by the next ftun. */
enum ftun_divert_hook { FTUN_DIVERT_AUTO, FTUN_DIVERT_TCX, FTUN_DIVERT_CLSACT };

struct ftun_prefix {
    struct ftun_address address;
    uint8_t len; /* bits */
};

struct ftun_divert_config {
    enum ftun_role role;
    enum ftun_divert_hook hook;
    uint16_t port;                        /* server: the TCP port */
    struct ftun_port_range ports;         /* client: its own */
    const struct ftun_prefix *allow_from; /* server: who may come; copied */
    size_t allow_from_count;              /* 0: everybody */
    uint32_t mark; /* for policy routing (ip rule ... fwmark), Linux 6.10; 0: none */
};

/* What the programs have counted, in packets (super-segments count once). */
struct ftun_divert_counters {
    uint64_t taken;       /* to the TUN */
    uint64_t left;        /* from the TUN by a route */
    uint64_t not_allowed; /* from elsewhere than allow_from: dropped */
    uint64_t flood;       /* handshakes beyond what ftun takes in a second: dropped */
    uint64_t no_route;    /* dropped */
    uint64_t too_big;     /* for the route: dropped, and ftun is told */
    uint64_t not_ours;    /* from the TUN, but no TCP over IP: dropped */
};

struct ftun_divert;

/* Load the programs; nothing is attached yet. NULL with one line why in `error`: the kernel lacks
 * something (named), or privileges (named): CAP_BPF, CAP_NET_ADMIN and CAP_NET_RAW. What follows
 * needs none of them with tcx, and CAP_NET_ADMIN with clsact (before Linux 6.0 CAP_BPF, too).
 * Leftovers of dead instances are removed: filters of clsact whose TUN is gone, which takes
 * CAP_SYS_ADMIN. One instance at a time may load and set its TUN. */
struct ftun_divert *ftun_divert_load(const struct ftun_divert_config *config,
                                     struct ftun_error *error);

/* The hook that is used: TCX or CLSACT. */
enum ftun_divert_hook ftun_divert_hook(const struct ftun_divert *divert);

/* Packets go to and come from this TUN, an interface index, from now on; again after the TUN has
 * been made anew. It needs forwarding switched on of itself (bpf_fib_lookup() asks for that). One
 * that is persistent does not go with its process: only with tcx, then. */
bool ftun_divert_set_tun(struct ftun_divert *divert, uint32_t tun, struct ftun_error *error);

/* The links that packets may come by are these from now on: attach to those that are new, forget
 * those that are gone. False when one that is there cannot be attached to; the others are. Only
 * after a TUN has been set: filters of clsact without one are leftovers to others. */
bool ftun_divert_set_links(struct ftun_divert *divert, const struct ftun_links *links,
                           struct ftun_error *error);

/* The host's own addresses. */
bool ftun_divert_set_addresses(struct ftun_divert *divert, const struct ftun_address *addresses,
                               size_t count, struct ftun_error *error);

/* Client: the server's addresses and ports. */
bool ftun_divert_set_remotes(struct ftun_divert *divert, const struct ftun_remotes *remotes,
                             struct ftun_error *error);

/* A descriptor that is readable when a packet was too big for its route; ftun_divert_take_too_big()
 * then gives ftun, through the TUN, what a router would have sent: ICMP's "too big". */
int ftun_divert_fd(const struct ftun_divert *divert);
void ftun_divert_take_too_big(struct ftun_divert *divert);

void ftun_divert_counters(const struct ftun_divert *divert, struct ftun_divert_counters *counters);

/* Detach and unload. NULL: nothing. */
void ftun_divert_close(struct ftun_divert *divert);

#endif
