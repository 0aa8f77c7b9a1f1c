/* Links, addresses and routes, through rtnetlink (libmnl). */
#ifndef FTUN_IO_NETLINK_H
#define FTUN_IO_NETLINK_H

#include "address.h"
#include "error.h"

#include <net/if.h>
#include <stdint.h>

/* Set a link up, with this MTU (bytes), transmit queue length (packets) and device group; without
 * multicast, so that the kernel does not report to it what groups it is in. */
bool ftun_netlink_link_up(const char *link, uint32_t mtu, uint32_t queue_len, uint32_t group,
                          struct ftun_error *error);

/* Give a point-to-point link the address `local`, with `peer` at its other end. */
bool ftun_netlink_add_address(const char *link, const struct ftun_address *local,
                              const struct ftun_address *peer, struct ftun_error *error);

struct ftun_route {
    enum ftun_family family;    /* of the destination */
    uint32_t link;              /* index of the outgoing interface */
    struct ftun_address source; /* the host's address that packets leave from; family NONE */
    uint32_t mtu;               /* bytes; of the route where it has one, else of the link */
    uint32_t prefix_len;        /* bits; of the route that matched: 0 for the default route */
    bool is_local;              /* an address of this host */
};

/* The route to `destination` now, of packets with this mark (0: without one). False when there is
 * none. */
bool ftun_netlink_route(const struct ftun_address *destination, uint32_t mark,
                        struct ftun_route *route, struct ftun_error *error);

/* MTU of a link, in bytes; 0 when it is gone. */
uint32_t ftun_netlink_link_mtu(uint32_t link);

/* Packets that a link had no room for in its transmit queue, since it was made; 0 when the kernel
 * does not say, or it is gone. */
uint64_t ftun_netlink_link_drops(const char *link);

/* Has this link a carrier? A TUN has one while a program has it open. */
bool ftun_netlink_link_carrier(const char *link);

struct ftun_link {
    uint32_t index;
    uint32_t group;
    uint32_t mtu;
    char name[IFNAMSIZ];
    bool up;
    bool loopback;
    bool member; /* of a bridge, a bond or a team: what comes by it has come by that */
    bool in_vrf; /* has a master, but is a link of its own */
};

/* The host's links, at most `max` of them. Returns how many, -1 on error. */
int ftun_netlink_links(struct ftun_link *links, int max, struct ftun_error *error);

#endif
