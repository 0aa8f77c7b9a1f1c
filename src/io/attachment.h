/* The seam between the tunnel and the world: how the tunnel's TCP packets get to and from the TUN.
 *
 * NAT (Phantun's way, works everywhere): the TUN has addresses of its own; forwarding, DNAT and
 * masquerade connect it. Divert: two programs in the kernel take packets from the host's links to
 * the TUN and back; the host's addresses are ftun's. Manual: nothing is touched; the user has
 * connected it (`ftun rules`). */
#ifndef FTUN_IO_ATTACHMENT_H
#define FTUN_IO_ATTACHMENT_H

#include "client_ports.h"
#include "divert.h"
#include "endpoint.h"
#include "error.h"
#include "firewall.h"
#include "links.h"
#include "remotes.h"
#include "reserved_port.h"
#include "steering.h"
#include "sysctls.h"
#include "tun.h"

enum ftun_attachment_kind {
    FTUN_ATTACHMENT_AUTO, /* in a plan: divert where it can be, else NAT */
    FTUN_ATTACHMENT_DIVERT,
    FTUN_ATTACHMENT_NAT,
    FTUN_ATTACHMENT_MANUAL
};

/* Addresses of the TUN for one IP family; family NONE: not used, or to be chosen. */
struct ftun_tun_addresses {
    struct ftun_address host; /* the host's end, Phantun's --tun-local */
    struct ftun_address own;  /* ftun's end, Phantun's --tun-peer */
};

enum { FTUN_CHOSEN_LINKS_MAX = 32, FTUN_CHOSEN_PREFIXES_MAX = 256 };

/* What a user may choose about it. */
struct ftun_attachment_choices {
    size_t link_count; /* 0: all links of the host */
    char links[FTUN_CHOSEN_LINKS_MAX][IFNAMSIZ];
    size_t prefix_count; /* server: who may come; 0: everybody */
    struct ftun_prefix allow_from[FTUN_CHOSEN_PREFIXES_MAX];
    struct ftun_port_range ports; /* client: its own; first 0: any */
    uint32_t mark;                /* of the tunnel's packets, for policy routing; 0: none */
    enum ftun_divert_hook hook;
};

/* What is wanted. */
struct ftun_attachment_plan {
    enum ftun_attachment_kind kind;
    enum ftun_role role;
    struct ftun_remotes remotes; /* client: the server's addresses */
    uint16_t port;               /* server: the TCP port */
    const char *tun_name;        /* NULL: the next free ftunN */
    bool ipv4, ipv6;             /* families that may be used */
    struct ftun_tun_addresses tun4, tun6;
    bool offload;
    uint32_t workers; /* queues of the TUN that are wanted */
    uint32_t flows;   /* client: at a time, as the user wants them; 0: not said */
    struct ftun_attachment_choices choices;
};

struct ftun_attachment_way;

/* What has become of it. */
struct ftun_attachment {
    struct ftun_attachment_plan plan; /* with the addresses chosen, and the latest remotes */
    struct ftun_tun tun;              /* the first queue */
    struct ftun_tun more[FTUN_WORKERS_MAX - 1u]; /* the others; who takes one leaves -1 as its fd */
    uint32_t queues;                             /* all of them: as many as planned, or 1 */
    int steering;                                /* the BPF program that they share; -1 */
    struct ftun_error why_one_queue;             /* if it is not as planned */
    uint16_t mtu;                                /* bytes, of the path as far as the host knows */
    bool any_local;               /* packets come to any address of the host's; the TUN has none */
    struct ftun_port_range ports; /* client: its own */
    uint8_t hops;                 /* times the host decrements TTL between the TUN and the wire */
    struct ftun_links links;      /* between which and the TUN the host forwards */
    struct ftun_sysctls sysctls;
    struct ftun_firewall firewall;
    struct ftun_reserved_port reserved;    /* the server's */
    struct ftun_client_ports own_ports;    /* the client's, with divert */
    struct ftun_divert *divert;            /* NULL: not attached so */
    struct ftun_error why_nat;             /* if divert was to be tried first; else empty */
    const struct ftun_attachment_way *way; /* NULL: not open */
};

#define FTUN_ATTACHMENT_CLOSED                                                                    \
    {                                                                                             \
        .tun.fd = -1, .steering = -1, .sysctls.user_fd = -1, .reserved = FTUN_RESERVED_PORT_NONE, \
        .own_ports = FTUN_CLIENT_PORTS_NONE, .way = NULL                                          \
    }

/* Links of this group belong to ftun: what was forwarded for it may go there only. */
#define FTUN_LINK_GROUP 0x6674u

/* Set up as planned. On error everything is undone. `attachment` is to be closed otherwise. */
bool ftun_attachment_open(struct ftun_attachment *attachment,
                          const struct ftun_attachment_plan *plan, struct ftun_error *error);

/* The TUN device is gone: make it again, with the name, as many queues, addresses and settings that
 * it had; rules and all else have outlived it. With FTUN_ATTACHMENT_MANUAL it comes back bare, if
 * ftun had made it in the first place; one of the user's own is taken again once it is there.
 * False: `tun` is closed, and another try may succeed. */
bool ftun_attachment_restore(struct ftun_attachment *attachment, struct ftun_error *error);

enum ftun_follow_result {
    FTUN_FOLLOWED,
    FTUN_FOLLOW_BUSY,  /* another instance is setting up just now: try again soon */
    FTUN_FOLLOW_FAILED /* what was set up before still is */
};

/* Links, routes or the server's addresses (`remotes`; of a server they do not count) may have
 * changed: set up what is missing, as when it was opened, and look at the path MTU again. */
enum ftun_follow_result ftun_attachment_follow(struct ftun_attachment *attachment,
                                               const struct ftun_remotes *remotes,
                                               struct ftun_error *error);

/* The client's own address in packets that go by `route`, as ftun_netlink_route() gave it: with NAT
 * that of its end of the TUN, else the host's. False when there is none. */
bool ftun_attachment_local(const struct ftun_attachment *attachment, const struct ftun_route *route,
                           struct ftun_address *out);

/* A descriptor that is readable when the attachment has something to do for the tunnel, in
 * ftun_attachment_serve(); -1: it never has. It stays the same while the attachment is open. */
int ftun_attachment_fd(const struct ftun_attachment *attachment);
void ftun_attachment_serve(struct ftun_attachment *attachment);

/* What the programs of divert have counted; zeros with another attachment. */
struct ftun_divert_counters ftun_attachment_counters(const struct ftun_attachment *attachment);

/* Undo what was set up. Nothing when not open. */
void ftun_attachment_close(struct ftun_attachment *attachment);

#endif
