#include "divert_too_big.h"

#include "bytes.h"
#include "checksum.h"
#include "divert_shared.h"
#include "ip.h"
#include "netlink.h"

#include <arpa/inet.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    TTL = 64,
    ICMP_UNREACHABLE = 3, /* RFC 792 */
    ICMP_FRAGMENTATION_NEEDED = 4,
    ICMPV6_TOO_BIG = 2 /* RFC 4443 3.2 */
};

struct ftun_divert_too_big {
    struct ring_buffer *ring;
    int socket;    /* packet(7) */
    uint32_t mark; /* of the packets; 0: none */
    uint32_t tun;
};

/* The message, without checksum; returns its length in bytes. */
static size_t write_message(const struct divert_too_big *event, uint32_t mtu, bool ipv6,
                            uint8_t *out)
{
    memset(out, 0, FTUN_ICMP_HEADER);
    out[0] = ipv6 ? ICMPV6_TOO_BIG : ICMP_UNREACHABLE;
    out[1] = ipv6 ? 0 : ICMP_FRAGMENTATION_NEEDED;
    ftun_store_be32(out + 4, mtu); /* RFC 1191 4: the lower half, which no IPv4 MTU exceeds */
    memcpy(out + FTUN_ICMP_HEADER, event->quote, event->quote_len);
    return FTUN_ICMP_HEADER + event->quote_len;
}

/* The packet, from the host to itself; returns its length in bytes. */
static size_t write_packet(const struct divert_too_big *event, const struct ftun_ip_header *quoted,
                           uint32_t mtu, uint8_t *out)
{
    const bool ipv6 = quoted->source.family == FTUN_IPV6;
    struct ftun_ip_header ip = {
        .source = quoted->source,
        .destination = quoted->source,
        .protocol = ipv6 ? FTUN_PROTOCOL_ICMPV6 : FTUN_PROTOCOL_ICMP,
        .ttl = TTL,
    };
    uint8_t *const message = out + ftun_ip_header_len(quoted->source.family);
    ip.payload_len = write_message(event, mtu, ipv6, message);
    uint16_t sum = ftun_sum(message, ip.payload_len);
    if (ipv6)
        sum = ftun_sum_add(
            sum, ftun_sum_pseudo_header(&ip.source, &ip.destination, ip.protocol, ip.payload_len));
    ftun_store_be16(message + 2, (uint16_t)~sum);
    return ftun_ip_emit(&ip, out) + ip.payload_len;
}

/* The TUN may be full, or gone: as good as lost on the way. */
static void send_to_tun(const struct ftun_divert_too_big *too_big, enum ftun_family family,
                        const uint8_t *packet, size_t len)
{
    const struct sockaddr_ll to = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(family == FTUN_IPV6 ? ETH_P_IPV6 : ETH_P_IP),
        .sll_ifindex = (int)too_big->tun,
    };
    sendto(too_big->socket, packet, len, MSG_DONTWAIT, (const struct sockaddr *)&to, sizeof to);
}

static uint32_t mtu_of_route(const struct ftun_address *destination, uint32_t mark)
{
    struct ftun_error ignored;
    struct ftun_route route;
    return ftun_netlink_route(destination, mark, &route, &ignored) ? route.mtu : 0;
}

static int answer(void *context, void *data, size_t len)
{
    const struct ftun_divert_too_big *const too_big = context;
    const struct divert_too_big *const event = data;
    struct ftun_ip_header quoted;
    uint8_t packet[FTUN_IPV6_HEADER + FTUN_ICMP_HEADER + DIVERT_QUOTE_MAX];
    if (len < sizeof *event ||
        ftun_ip_parse_quoted(event->quote, event->quote_len, &quoted) != FTUN_TAKEN)
        return 0;
    const uint32_t mtu =
        event->mtu != 0 ? event->mtu : mtu_of_route(&quoted.destination, too_big->mark);
    if (mtu != 0)
        send_to_tun(too_big, quoted.source.family, packet,
                    write_packet(event, &quoted, mtu, packet));
    return 0;
}

struct ftun_divert_too_big *ftun_divert_too_big_open(int map, uint32_t mark,
                                                     struct ftun_error *error)
{
    struct ftun_divert_too_big *const too_big = calloc(1, sizeof *too_big);
    if (too_big == NULL) {
        ftun_fail(error, "out of memory");
        return NULL;
    }
    too_big->mark = mark;
    too_big->socket = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0); /* 0: receives nothing */
    if (too_big->socket < 0)
        ftun_fail(error, "cannot have a packet socket: %s; it needs CAP_NET_RAW", strerror(errno));
    else if ((too_big->ring = ring_buffer__new(map, answer, too_big, NULL)) == NULL)
        ftun_fail(error, "cannot map a ring buffer of BPF programs: %s", strerror(errno));
    if (too_big->ring != NULL)
        return too_big;
    ftun_divert_too_big_close(too_big);
    return NULL;
}

int ftun_divert_too_big_fd(const struct ftun_divert_too_big *too_big)
{
    return ring_buffer__epoll_fd(too_big->ring);
}

void ftun_divert_too_big_answer(struct ftun_divert_too_big *too_big, uint32_t tun)
{
    too_big->tun = tun;
    ring_buffer__consume(too_big->ring);
}

void ftun_divert_too_big_close(struct ftun_divert_too_big *too_big)
{
    if (too_big == NULL)
        return;
    ring_buffer__free(too_big->ring);
    if (too_big->socket >= 0)
        close(too_big->socket);
    free(too_big);
}
