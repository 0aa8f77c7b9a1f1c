/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* What the programs want to know of a packet. Only what decides whose it is is looked at: whether
 * the rest makes sense is for ftun to say, or for the kernel. */
#ifndef FTUN_BPF_PARSE_H
#define FTUN_BPF_PARSE_H

#include "divert_shared.h"
#include "limits.h"

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include <stdbool.h>

enum {
    IPV4_MORE_FRAGMENTS = 0x2000, /* RFC 791 3.1 */
    IPV4_FRAGMENT_OFFSET = 0x1fff,
    IPV6_MORE_FRAGMENTS = 0x0001, /* RFC 8200 4.5 */
    IPV6_FRAGMENT_OFFSET = 0xfff8,
    IPV6_FRAGMENT_HEADER = 8, /* bytes */
    /* Bytes that hold all headers of a packet that is the tunnel's: a driver may leave them outside
     * of the packet's first piece, the only one that is read without asking. */
    HEADERS_MAX = 512
};

struct packet {
    struct divert_address source, destination;
    uint32_t len;              /* bytes, as the IP header says */
    uint32_t offset;           /* bytes, from the IP header to the transport header */
    uint32_t id;               /* of a fragment */
    uint16_t fragment_offset;  /* 0: the transport header is here; in whatever unit */
    uint8_t protocol;          /* of the transport header */
    uint8_t fragment_protocol; /* of a fragment: what its own header says */
    bool fragment;
};

/* Bytes of the packet, counted from its IP header, on Ethernet and on links without link-layer
 * header alike. False when it has not so many. */
static __always_inline bool load(struct __sk_buff *skb, uint32_t offset, void *to, uint32_t len)
{
    if (bpf_skb_load_bytes_relative(skb, offset, to, len, BPF_HDR_START_NET) == 0)
        return true;
    const uint32_t whole = skb->len < HEADERS_MAX ? skb->len : HEADERS_MAX;
    return bpf_skb_pull_data(skb, whole) == 0 &&
           bpf_skb_load_bytes_relative(skb, offset, to, len, BPF_HDR_START_NET) == 0;
}

static __always_inline bool parse_ipv4(struct __sk_buff *skb, uint32_t start, struct packet *out)
{
    struct iphdr ip;
    if (!load(skb, start, &ip, sizeof ip) || ip.version != 4 || ip.ihl < 5)
        return false;
    const uint16_t fragment = bpf_ntohs(ip.frag_off);
    out->source = (struct divert_address){.family = 4, .words = {ip.saddr}};
    out->destination = (struct divert_address){.family = 4, .words = {ip.daddr}};
    out->len = bpf_ntohs(ip.tot_len);
    out->offset = start + ip.ihl * 4u;
    out->id = bpf_ntohs(ip.id);
    out->fragment_offset = fragment & IPV4_FRAGMENT_OFFSET;
    out->fragment = (fragment & (IPV4_FRAGMENT_OFFSET | IPV4_MORE_FRAGMENTS)) != 0;
    out->protocol = out->fragment_protocol = ip.protocol;
    return true;
}

/* The first bytes of an extension header: next header, length; of a Routing header the segments
 * left; of a Fragment header offset and id. RFC 8200 4. */
struct extension {
    uint8_t next, len;
    uint8_t kind, segments_left;
    uint32_t id;
};

static __always_inline bool is_extension(uint8_t protocol)
{
    return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING ||
           protocol == IPPROTO_FRAGMENT || protocol == IPPROTO_DSTOPTS;
}

/* Step over one. False for a packet that is not at its destination yet. */
static __always_inline bool skip(const struct extension *extension, struct packet *out)
{
    uint32_t len = (extension->len + 1u) * 8;
    if (out->protocol == IPPROTO_FRAGMENT) {
        const uint16_t fragment = (uint16_t)(extension->kind << 8 | extension->segments_left);
        len = IPV6_FRAGMENT_HEADER;
        out->id = extension->id;
        out->fragment_offset = fragment & IPV6_FRAGMENT_OFFSET;
        out->fragment = (fragment & (IPV6_FRAGMENT_OFFSET | IPV6_MORE_FRAGMENTS)) != 0;
        out->fragment_protocol = extension->next;
    } else if (out->protocol == IPPROTO_ROUTING && extension->segments_left != 0) {
        return false;
    }
    out->offset += len;
    out->protocol = extension->next;
    return true;
}

static __always_inline bool parse_ipv6(struct __sk_buff *skb, uint32_t start, struct packet *out)
{
    struct ipv6hdr ip;
    struct extension extension;
    if (!load(skb, start, &ip, sizeof ip) || ip.version != 6)
        return false;
    out->source.family = out->destination.family = 6;
    __builtin_memcpy(out->source.words, &ip.saddr, sizeof out->source.words);
    __builtin_memcpy(out->destination.words, &ip.daddr, sizeof out->destination.words);
    out->len = sizeof ip + bpf_ntohs(ip.payload_len);
    out->offset = start + sizeof ip;
    out->id = 0;
    out->fragment_offset = 0;
    out->fragment = false;
    out->protocol = out->fragment_protocol = ip.nexthdr;
    for (unsigned i = 0; i < FTUN_IPV6_EXTENSIONS_MAX; i++) {
        if (out->fragment_offset != 0 || !is_extension(out->protocol))
            break;
        if (!load(skb, out->offset, &extension, sizeof extension) || !skip(&extension, out))
            return false;
    }
    return true;
}

/* The IP packet `start` bytes behind the IP header of `skb`: that itself, or one quoted in it. */
static __always_inline bool parse(struct __sk_buff *skb, uint32_t start, struct packet *out)
{
    if (skb->protocol == bpf_htons(ETH_P_IP))
        return parse_ipv4(skb, start, out);
    return skb->protocol == bpf_htons(ETH_P_IPV6) && parse_ipv6(skb, start, out);
}

#endif
