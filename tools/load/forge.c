#include "address.h"
#include "arguments.h"
#include "clock.h"
#include "commands.h"
#include "fail.h"
#include "json.h"
#include "pace.h"
#include "pattern.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const char help[] =
    "ftun-load forge: send TCP segments (IPv4) in somebody else's name, numbers chosen at random\n"
    "\n"
    "  --device NAME         where they leave: an interface, or a TUN\n"
    "  --mac AA:BB:...       of the next hop; needed where --device is Ethernet\n"
    "  --from ADDRESS:PORT   whose name it is; with --spread, the first address\n"
    "  --spread              a new source for each: 131072 addresses from that of --from, any "
    "port\n"
    "  --to ADDRESS:PORT     who receives them\n"
    "  --kinds LETTERS       S SYN, R RST, D data, F FIN, in turn (default SRDF)\n"
    "  --count N             so many (default 100000)\n"
    "  --rate N              so many a second (default: as fast as possible)\n"
    "\n"
    "Sequence and acknowledgment numbers are any, as those of one who cannot see the connection.\n"
    "The same command sends the same segments. Prints how many left as one line of JSON.\n"
    "\n"
    "Example:\n"
    "  ftun-load forge --device eth0 --mac 02:00:00:00:00:02 --from 198.18.0.0:1 --spread \\\n"
    "      --to 10.77.0.2:4567 --kinds S --count 1000000\n"
    "\n"
    "Exit status: 0 sent, 1 it could not, 2 bad usage.\n";

enum {
    BATCH = 64,
    IP_HEADER = 20,
    TCP_HEADER = 20,
    PAYLOAD = 32, /* of a data segment */
    PACKET = IP_HEADER + TCP_HEADER + PAYLOAD,
    SPREAD = 131072, /* addresses: 198.18.0.0/15 is for such tests (RFC 2544 C.2.2) */
    FIN = 0x01,
    SYN = 0x02,
    RST = 0x04,
    PSH = 0x08,
    ACK = 0x10
};

struct plan {
    const char *device;
    const char *mac;
    const char *kinds;
    struct address from;
    struct address to;
    uint64_t count;
    struct rate rate;
    bool spread;
};

struct forger {
    int socket;
    struct sockaddr_ll next_hop;
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH];
    uint8_t packets[BATCH][PACKET];
};

static void read_plan(const char *const words[], struct plan *plan)
{
    struct argument arguments[] = {
        {.name = "device", .read = argument_text, .target = &plan->device},
        {.name = "mac", .read = argument_text, .target = &plan->mac},
        {.name = "from", .read = argument_address, .target = &plan->from},
        {.name = "spread", .target = &plan->spread},
        {.name = "to", .read = argument_address, .target = &plan->to},
        {.name = "kinds", .read = argument_text, .target = &plan->kinds},
        {.name = "count", .read = argument_count, .target = &plan->count},
        {.name = "rate", .read = argument_rate, .target = &plan->rate},
    };
    const size_t count = sizeof arguments / sizeof arguments[0];

    arguments_read(words, arguments, count, help);
    arguments_require(arguments, count, "device");
    arguments_require(arguments, count, "from");
    arguments_require(arguments, count, "to");
    if (plan->kinds[0] == '\0' || strspn(plan->kinds, "SRDF") != strlen(plan->kinds))
        fail_usage("--kinds: expected some of the letters S, R, D and F");
    if (plan->from.storage.ss_family != AF_INET || plan->to.storage.ss_family != AF_INET)
        fail_usage("--from and --to: expected IPv4 addresses");
}

static void store16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void store32(uint8_t *at, uint32_t value)
{
    store16(at, value >> 16);
    store16(at + 2, value);
}

/* Both lengths that occur are even. */
static uint32_t sum(const uint8_t *bytes, size_t count, uint32_t start)
{
    for (size_t i = 0; i < count; i += 2)
        start += (uint32_t)bytes[i] << 8 | bytes[i + 1];
    return start;
}

static uint16_t folded(uint32_t total)
{
    total = (total & 0xffff) + (total >> 16);
    return (uint16_t) ~(total + (total >> 16));
}

static uint8_t flags_of(char kind)
{
    switch (kind) {
    case 'S':
        return SYN;
    case 'R':
        return RST;
    case 'D':
        return PSH | ACK;
    default:
        return FIN | ACK;
    }
}

/* Segment `number` of the plan; returns its length. */
static size_t write_packet(const struct plan *plan, uint64_t number, uint8_t *packet)
{
    const struct sockaddr_in *from = (const struct sockaddr_in *)(const void *)&plan->from.storage;
    const struct sockaddr_in *to = (const struct sockaddr_in *)(const void *)&plan->to.storage;
    const char kind = plan->kinds[number % strlen(plan->kinds)];
    const size_t payload = kind == 'D' ? PAYLOAD : 0;
    const uint64_t numbers = pattern_mix(number);
    const uint64_t source = pattern_mix(~number);
    uint8_t *tcp = packet + IP_HEADER;

    memset(packet, 0, IP_HEADER + TCP_HEADER);
    packet[0] = 0x45;
    store16(packet + 2, (uint32_t)(IP_HEADER + TCP_HEADER + payload));
    packet[8] = 64; /* TTL */
    packet[9] = IPPROTO_TCP;
    store32(packet + 12,
            ntohl(from->sin_addr.s_addr) + (plan->spread ? (uint32_t)(source % SPREAD) : 0));
    store32(packet + 16, ntohl(to->sin_addr.s_addr));
    store16(packet + 10, folded(sum(packet, IP_HEADER, 0)));
    store16(tcp, plan->spread ? 1024 + (uint32_t)(source >> 32) % 60000 : ntohs(from->sin_port));
    store16(tcp + 2, ntohs(to->sin_port));
    store32(tcp + 4, (uint32_t)numbers);
    if ((flags_of(kind) & ACK) != 0)
        store32(tcp + 8, (uint32_t)(numbers >> 32));
    tcp[12] = TCP_HEADER / 4 << 4;
    tcp[13] = flags_of(kind);
    store16(tcp + 14, 64240);
    memcpy(tcp + TCP_HEADER, pattern_slice(number), payload);
    store16(tcp + 16,
            folded(sum(tcp, TCP_HEADER + payload,
                       sum(packet + 12, 8, IPPROTO_TCP + TCP_HEADER) + (uint32_t)payload)));
    return IP_HEADER + TCP_HEADER + payload;
}

static void set_next_hop(const struct plan *plan, struct sockaddr_ll *hop)
{
    uint8_t *mac = hop->sll_addr;

    hop->sll_family = AF_PACKET;
    hop->sll_protocol = htons(ETH_P_IP);
    hop->sll_ifindex = (int)if_nametoindex(plan->device);
    if (hop->sll_ifindex == 0)
        fail("no device %s: %s", plan->device, strerror(errno));
    if (plan->mac == NULL)
        return;
    hop->sll_halen = ETH_ALEN;
    if (sscanf(plan->mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", mac, mac + 1, mac + 2, mac + 3, mac + 4,
               mac + 5) != ETH_ALEN)
        fail_usage("--mac: expected six bytes like 02:00:00:00:00:01");
}

static struct forger *create_forger(const struct plan *plan)
{
    struct forger *forger = calloc(1, sizeof *forger);

    if (forger == NULL)
        fail("out of memory");
    set_next_hop(plan, &forger->next_hop);
    forger->socket = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (forger->socket < 0)
        fail("cannot open a packet socket: %s", strerror(errno));
    for (size_t i = 0; i < BATCH; i++) {
        forger->parts[i].iov_base = forger->packets[i];
        forger->messages[i].msg_hdr = (struct msghdr){.msg_name = &forger->next_hop,
                                                      .msg_namelen = sizeof forger->next_hop,
                                                      .msg_iov = &forger->parts[i],
                                                      .msg_iovlen = 1};
    }
    return forger;
}

/* A full queue is waited for. */
static void send_batch(struct forger *forger, unsigned count)
{
    for (unsigned sent = 0; sent < count;) {
        const int done = sendmmsg(forger->socket, forger->messages + sent, count - sent, 0);
        if (done > 0)
            sent += (unsigned)done;
        else if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
            fail("cannot send: %s", strerror(errno));
    }
}

static void send_all(const struct plan *plan, struct forger *forger)
{
    struct pace pace = pace_start(&plan->rate);

    for (uint64_t number = 0; number < plan->count;) {
        const uint64_t rest = plan->count - number;
        unsigned count = pace_burst(&pace, 0, BATCH);
        if (rest < count)
            count = (unsigned)rest;
        for (unsigned i = 0; i < count; i++)
            forger->parts[i].iov_len = write_packet(plan, number + i, forger->packets[i]);
        pace_wait(&pace, UINT64_MAX);
        send_batch(forger, count);
        pace_charge(&pace, count, 0);
        number += count;
    }
}

int forge_command(const char *const words[])
{
    struct plan plan = {.kinds = "SRDF", .count = 100000};
    uint64_t started_ns;

    read_plan(words, &plan);
    struct forger *forger = create_forger(&plan);
    clock_sleep_precisely();
    started_ns = clock_now_ns();
    send_all(&plan, forger);
    json_open(NULL);
    json_count("sent", plan.count);
    json_number("seconds", clock_to_seconds(clock_now_ns() - started_ns));
    json_close();
    free(forger);
    return EXIT_SUCCESS;
}
