/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* The divert attachment in the kernel: src/io/divert.h says what it is for.
 *
 * Linux 5.10 is enough. What needs which version:
 *
 *     bpf_skb_load_bytes_relative()                         4.18
 *     spin locks in maps                                    5.1
 *     loops with a bound                                    5.3
 *     BPF_MAP_TYPE_DEVMAP_HASH                              5.4, read by programs from 5.8 on
 *     __sk_buff.gso_size                                    5.7
 *     bpf_skb_change_head() in tc programs                  5.8
 *     BPF_MAP_TYPE_RINGBUF                                  5.8
 *     bpf_redirect_neigh() with a next hop,
 *     bpf_fib_lookup() telling the link without neighbour   5.10
 *
 * and better with: 5.12, bpf_fib_lookup() tells the MTU; 6.6, tcx; 6.10, BPF_FIB_LOOKUP_MARK. */
#include "parse.h"

#include <linux/if_packet.h>
#include <linux/pkt_cls.h>

enum {
    PASS = TC_ACT_UNSPEC, /* to the next program, or on to the IP stack: tcx calls it TCX_NEXT */
    DROP = TC_ACT_SHOT
};

/* A map of its own: ftun writes the whole of it before the programs are loaded, and what they do
 * not need of it is no part of them any more when they run. */
const volatile struct divert_settings settings SEC(".rodata.settings");

/* The TUN. The kernel takes the entry out when the device goes, and it goes with ftun: then
 * everything passes. */
struct {
    __uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
    __uint(max_entries, 1);
    __type(key, uint32_t);
    __type(value, uint32_t);
} tun SEC(".maps");

/* The host's own addresses: what is forwarded to others is not for the tunnel. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 65536);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct divert_address);
    __type(value, uint8_t);
} addresses SEC(".maps");

/* Client: its server. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 64);
    __type(key, struct divert_socket_address);
    __type(value, uint8_t);
} remotes SEC(".maps");

/* Server: who may come. */
struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(max_entries, 65536);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct divert_prefix);
    __type(value, uint8_t);
} allowed SEC(".maps");

/* Packets of the tunnel whose first fragment has been seen, and when (ns). */
struct fragment_key {
    struct divert_address source, destination;
    uint32_t id;
    uint32_t protocol;
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 4096);
    __type(key, struct fragment_key);
    __type(value, uint64_t);
} fragments SEC(".maps");

/* Handshakes that may still come now, all processors together. */
struct budget {
    struct bpf_spin_lock lock;
    uint32_t unused;
    uint64_t filled; /* when it was empty, had it never been used since; ns */
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, uint32_t);
    __type(value, struct budget);
} handshakes SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, uint32_t);
    __type(value, struct divert_counts);
} counts SEC(".maps");

/* Packets too big for their routes. */
struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 65536);
} too_big SEC(".maps");

static const uint32_t only = 0; /* key of maps with one entry */

static __always_inline void count(enum divert_counter counter)
{
    struct divert_counts *const all = bpf_map_lookup_elem(&counts, &only);
    if (all != NULL)
        all->of[counter]++;
}

static __always_inline int drop(enum divert_counter why)
{
    count(why);
    return DROP;
}

/* Of a connection with this host; ports in host order. */
struct peers {
    uint32_t local_port;
    struct divert_socket_address remote;
};

static __always_inline bool is_tunnels(const struct peers *peers)
{
    if (settings.server)
        return peers->local_port == settings.port;
    return peers->local_port >= settings.port_first && peers->local_port <= settings.port_last &&
           bpf_map_lookup_elem(&remotes, &peers->remote) != NULL;
}

static __always_inline bool is_allowed(const struct divert_address *remote)
{
    if (!settings.server || !settings.filtered)
        return true;
    const struct divert_prefix key = {.len = DIVERT_PREFIX_BASE + 128, .address = *remote};
    return bpf_map_lookup_elem(&allowed, &key) != NULL;
}

/* As src/io/nat_rules.c: so many handshakes a second, so many at once. */
enum { HANDSHAKE_NS = 1000000000 / 30000, HANDSHAKES_AT_ONCE_NS = 500 * HANDSHAKE_NS };

static __always_inline bool spend_handshake(void)
{
    struct budget *const budget = bpf_map_lookup_elem(&handshakes, &only);
    const uint64_t now = bpf_ktime_get_ns();
    bool had = false;
    if (budget == NULL)
        return true;
    bpf_spin_lock(&budget->lock);
    if (budget->filled + HANDSHAKES_AT_ONCE_NS < now)
        budget->filled = now - HANDSHAKES_AT_ONCE_NS;
    if (budget->filled + HANDSHAKE_NS <= now) {
        budget->filled += HANDSHAKE_NS;
        had = true;
    }
    bpf_spin_unlock(&budget->lock);
    return had;
}

enum { TCP_SYN = 0x02, TCP_ACK = 0x10 }; /* RFC 9293 3.1 */

/* A first fragment without flags may be one. */
static __always_inline bool is_handshake(struct __sk_buff *skb, const struct packet *packet)
{
    uint8_t flags;
    return !load(skb, packet->offset + 13, &flags, sizeof flags) ||
           (flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/* Only a server is flooded: a client's ports are few, and its server known. */
static __always_inline bool is_flood(struct __sk_buff *skb, const struct packet *packet)
{
    return settings.server && packet->protocol == IPPROTO_TCP && is_handshake(skb, packet) &&
           !spend_handshake();
}

static __always_inline bool read_segment(struct __sk_buff *skb, const struct packet *packet,
                                         struct peers *out)
{
    uint16_t ports[2];
    if (!load(skb, packet->offset, ports, sizeof ports))
        return false;
    out->local_port = bpf_ntohs(ports[1]);
    out->remote.ip = packet->source;
    out->remote.port = bpf_ntohs(ports[0]);
    return true;
}

enum {
    ICMP_UNREACHABLE = 3,   /* RFC 792 */
    ICMPV6_UNREACHABLE = 1, /* RFC 4443 3.1 */
    ICMPV6_TOO_BIG = 2      /* RFC 4443 3.2 */
};

/* The errors that src/core/icmp.c reads. Others concern the host: redirects, above all. */
static __always_inline bool is_error(uint8_t protocol, uint8_t type)
{
    if (protocol == IPPROTO_ICMP)
        return type == ICMP_UNREACHABLE;
    return type == ICMPV6_UNREACHABLE || type == ICMPV6_TOO_BIG;
}

static __always_inline bool is_equal(const struct divert_address *a, const struct divert_address *b)
{
    uint32_t difference = a->family ^ b->family;
    for (int i = 0; i < 4; i++)
        difference |= a->words[i] ^ b->words[i];
    return difference == 0;
}

/* An error is about the tunnel's if it quotes a segment that the tunnel has sent. */
static __always_inline bool read_error(struct __sk_buff *skb, const struct packet *packet,
                                       struct peers *out)
{
    uint8_t type;
    uint16_t ports[2];
    struct packet quoted;
    if (!load(skb, packet->offset, &type, sizeof type) || !is_error(packet->protocol, type))
        return false;
    if (!parse(skb, packet->offset + FTUN_ICMP_HEADER, &quoted) || quoted.fragment ||
        quoted.protocol != IPPROTO_TCP || !load(skb, quoted.offset, ports, sizeof ports))
        return false;
    out->local_port = bpf_ntohs(ports[0]);
    out->remote.ip = quoted.destination;
    out->remote.port = bpf_ntohs(ports[1]);
    return is_equal(&quoted.source, &packet->destination);
}

static __always_inline bool is_icmp(const struct packet *packet)
{
    return packet->protocol == (packet->source.family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

static __always_inline bool read_peers(struct __sk_buff *skb, const struct packet *packet,
                                       struct peers *out)
{
    if (packet->protocol == IPPROTO_TCP)
        return read_segment(skb, packet, out);
    return is_icmp(packet) && !packet->fragment && read_error(skb, packet, out);
}

/* VLAN 0 is none: its tag tells a priority (IEEE 802.1Q 9.6), and the frame is the link's own. What
 * is of another, that VLAN's link sees next. */
static __always_inline bool is_of_vlan(const struct __sk_buff *skb)
{
    return skb->vlan_present && (skb->vlan_tci & 0xfff) != 0;
}

static __always_inline int take(struct __sk_buff *skb, uint32_t to)
{
    if (skb->vlan_present && bpf_skb_vlan_pop(skb) != 0) /* the TUN would write it out */
        return PASS;
    count(DIVERT_TAKEN);
    return (int)bpf_redirect(to, 0);
}

static __always_inline struct fragment_key key_of(const struct packet *packet)
{
    return (struct fragment_key){.source = packet->source,
                                 .destination = packet->destination,
                                 .id = packet->id,
                                 .protocol = packet->fragment_protocol};
}

/* What has no transport header goes where the first fragment went. What comes before the first
 * passes, and ftun does not get that packet: hosts send them in order. */
static __always_inline int take_later_fragment(struct __sk_buff *skb, const struct packet *packet)
{
    const struct fragment_key key = key_of(packet);
    const uint64_t *const seen = bpf_map_lookup_elem(&fragments, &key);
    const uint32_t *const to = bpf_map_lookup_elem(&tun, &only);
    if (seen == NULL || to == NULL || bpf_ktime_get_ns() - *seen > FTUN_REASSEMBLY_TIMEOUT)
        return PASS;
    return take(skb, *to);
}

static __always_inline void note_first_fragment(const struct packet *packet)
{
    const struct fragment_key key = key_of(packet);
    const uint64_t now = bpf_ktime_get_ns();
    bpf_map_update_elem(&fragments, &key, &now, BPF_ANY);
}

static __always_inline int arrives(struct __sk_buff *skb, int without_tun)
{
    struct packet packet;
    struct peers peers;
    if (skb->pkt_type != PACKET_HOST || is_of_vlan(skb))
        return PASS;
    if (!parse(skb, 0, &packet))
        return PASS;
    if (packet.fragment_offset != 0)
        return take_later_fragment(skb, &packet);
    if (!read_peers(skb, &packet, &peers) || !is_tunnels(&peers))
        return PASS;
    const uint32_t *const to = bpf_map_lookup_elem(&tun, &only);
    if (bpf_map_lookup_elem(&addresses, &packet.destination) == NULL)
        return PASS;
    if (to == NULL)
        return without_tun;
    if (!is_allowed(&peers.remote.ip))
        return drop(DIVERT_NOT_ALLOWED);
    if (is_flood(skb, &packet))
        return drop(DIVERT_FLOOD);
    if (packet.fragment)
        note_first_fragment(&packet);
    return take(skb, *to);
}

/* A filter stays when ftun dies: without a TUN it lets everything pass. */
SEC("tc")
int ftun_arrives(struct __sk_buff *skb)
{
    return arrives(skb, PASS);
}

/* A link of tcx goes with ftun. While it is there ftun is, too, and about to make its TUN anew: the
 * host's TCP would end the flows meanwhile, by RST. */
SEC("tc")
int ftun_arrives_tcx(struct __sk_buff *skb)
{
    return arrives(skb, DROP);
}

/* The IP length of each packet that the kernel makes of this one; 0 when it has no TCP header. */
static __always_inline uint32_t segment_len(struct __sk_buff *skb, const struct packet *packet)
{
    uint8_t data_offset;
    if (!load(skb, packet->offset + 12, &data_offset, sizeof data_offset)) /* RFC 9293 3.1 */
        return 0;
    if (skb->gso_size == 0)
        return packet->len;
    return packet->offset + (data_offset >> 4) * 4u + skb->gso_size;
}

enum {
    BPF_FIB_LOOKUP_BY_MARK = 1u << 5, /* linux/bpf.h: BPF_FIB_LOOKUP_MARK, Linux 6.10 */
    FAMILY_IPV4 = 2,                  /* sys/socket.h: AF_INET, AF_INET6 */
    FAMILY_IPV6 = 10
};

/* The host's route, as for a packet that it forwards from the TUN: rules and marks count. */
static __always_inline long find_route(struct __sk_buff *skb, const struct packet *packet,
                                       uint32_t len, struct bpf_fib_lookup *route)
{
    uint16_t ports[2];
    if (!load(skb, packet->offset, ports, sizeof ports))
        return -1;
    route->family = packet->source.family == 4 ? FAMILY_IPV4 : FAMILY_IPV6;
    route->l4_protocol = IPPROTO_TCP;
    route->sport = ports[0];
    route->dport = ports[1];
    route->tot_len = (uint16_t)len;
    route->ifindex = skb->ifindex;
    __builtin_memcpy(route->ipv6_src, packet->source.words, sizeof route->ipv6_src);
    __builtin_memcpy(route->ipv6_dst, packet->destination.words, sizeof route->ipv6_dst);
    const uint32_t mark = settings.mark;
    __builtin_memcpy(route->smac, &mark, sizeof mark); /* linux/bpf.h, 6.10: it has that place */
    return bpf_fib_lookup(skb, route, sizeof *route, mark != 0 ? BPF_FIB_LOOKUP_BY_MARK : 0);
}

/* The kernel finds the neighbour, or asks for it, and writes the link-layer header: over the one
 * for which it wants room, of links that have none, too. */
static __always_inline int leave(struct __sk_buff *skb, const struct bpf_fib_lookup *route)
{
    struct bpf_redir_neigh next_hop = {.nh_family = route->family};
    __builtin_memcpy(next_hop.ipv6_nh, route->ipv6_dst, sizeof next_hop.ipv6_nh);
    if (bpf_skb_change_head(skb, ETH_HLEN, 0) != 0)
        return drop(DIVERT_NO_ROUTE);
    count(DIVERT_LEFT);
    return (int)bpf_redirect_neigh(route->ifindex, &next_hop, sizeof next_hop, 0);
}

/* A burst belongs to the TUN's socket, as no packet does that comes from a network. Cut into
 * segments it stays the last one's, and the GRO of a receiver that gets these very segments (veth)
 * takes that one for another flow's, and puts it first. A clone belongs to nobody. The neighbour is
 * known, and single segments, which go the other way, have it asked now and then whether it still
 * is there. */
static __always_inline int leave_as_burst(struct __sk_buff *skb, const struct bpf_fib_lookup *route)
{
    struct ethhdr header = {.h_proto = skb->protocol};
    __builtin_memcpy(header.h_dest, route->dmac, ETH_ALEN);
    __builtin_memcpy(header.h_source, route->smac, ETH_ALEN);
    if (bpf_skb_change_head(skb, ETH_HLEN, 0) != 0 ||
        bpf_skb_store_bytes(skb, 0, &header, sizeof header, 0) != 0 ||
        bpf_clone_redirect(skb, route->ifindex, 0) < 0) /* above 0: the link's queue counts it */
        return drop(DIVERT_NO_ROUTE);
    count(DIVERT_LEFT);
    return DROP; /* the original */
}

/* Links without Ethernet have no such address. */
static __always_inline bool is_ethernet(const struct bpf_fib_lookup *route)
{
    const uint8_t *const source = route->smac;
    return (source[0] | source[1] | source[2] | source[3] | source[4] | source[5]) != 0;
}

static __always_inline void tell_too_big(struct __sk_buff *skb, const struct bpf_fib_lookup *route,
                                         uint32_t len)
{
    struct divert_too_big *const event = bpf_ringbuf_reserve(&too_big, sizeof *event, 0);
    if (event == NULL)
        return;
    __builtin_memset(event, 0, sizeof *event);
    event->mtu = route->mtu_result < len ? route->mtu_result : 0;
    event->quote_len = skb->protocol == bpf_htons(ETH_P_IP) ? 40 : DIVERT_QUOTE_MAX;
    if (event->quote_len == DIVERT_QUOTE_MAX)
        load(skb, 0, event->quote, DIVERT_QUOTE_MAX);
    else
        load(skb, 0, event->quote, 40);
    bpf_ringbuf_submit(event, 0);
}

SEC("tc")
int ftun_leaves(struct __sk_buff *skb)
{
    struct packet packet;
    struct bpf_fib_lookup route = {0};
    if (!parse(skb, 0, &packet) || packet.fragment || packet.protocol != IPPROTO_TCP)
        return drop(DIVERT_NOT_OURS);
    const uint32_t len = segment_len(skb, &packet);
    if (len == 0 || len > FTUN_IP_PACKET_MAX)
        return drop(DIVERT_NOT_OURS);
    switch (find_route(skb, &packet, len, &route)) {
    case BPF_FIB_LKUP_RET_SUCCESS:
        if (skb->gso_size != 0 && is_ethernet(&route))
            return leave_as_burst(skb, &route);
        return leave(skb, &route);
    case BPF_FIB_LKUP_RET_NO_NEIGH:
        return leave(skb, &route);
    case BPF_FIB_LKUP_RET_FRAG_NEEDED:
        tell_too_big(skb, &route, len);
        return drop(DIVERT_TOO_BIG);
    default:
        return drop(DIVERT_NO_ROUTE);
    }
}

/* Never hooked in: run once, it tells whether the kernel knows marks: -EINVAL (-22) if not. */
SEC("tc")
int ftun_tries_mark(struct __sk_buff *skb)
{
    struct bpf_fib_lookup route = {.family = FAMILY_IPV4, .ifindex = 1};
    return (int)bpf_fib_lookup(skb, &route, sizeof route, BPF_FIB_LOOKUP_BY_MARK);
}

/* bpf_fib_lookup() is for programs whose terms are compatible with the GPL: these files may be used
 * under version 2 of it, too. */
const char terms[] SEC("license") = "GPL";
