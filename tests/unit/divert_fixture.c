#include "divert_fixture.h"

#include "bytes.h"
#include "checksum.h"
#include "divert_state.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    ETHERNET_HEADER = 14, /* bytes */
    ETHERTYPE_IPV4 = 0x0800,
    ETHERTYPE_IPV6 = 0x86dd,
    ETHERTYPE_AT = 12,
    PAYLOAD = 8,
    MTU = 1500
};

struct ftun_divert *divert;
struct ftun_tun tun;
struct ftun_address here[2], there[2];

int enter_namespace(void **state)
{
    (void)state;
    here[0] = ipv4(192, 0, 2, 1);
    there[0] = ipv4(192, 0, 2, 2);
    here[1] = ipv6(1);
    there[1] = ipv6(2);
    return unshare(CLONE_NEWNET);
}

struct ftun_divert_config divert_server(void)
{
    return (struct ftun_divert_config){.role = FTUN_SERVER, .port = PORT};
}

struct ftun_divert_config divert_client(void)
{
    return (struct ftun_divert_config){.role = FTUN_CLIENT,
                                       .ports = {.first = CLIENT_PORT - 1, .last = 44095}};
}

static void forward_from(const char *link, const char *family)
{
    char path[128];
    snprintf(path, sizeof path, "/proc/sys/net/%s/conf/%s/forwarding", family, link);
    const int fd = open(path, O_WRONLY);
    assert_int_equal(write(fd, "1", 1), 1);
    close(fd);
}

static void open_tun(struct ftun_error *error)
{
    if (!ftun_tun_open(&tun, NULL, false, false, error) ||
        !ftun_netlink_link_up(tun.name, MTU, 1000, 0, error))
        fail_msg("%s", error->text);
    forward_from(tun.name, "ipv4");
    forward_from(tun.name, "ipv6");
}

void load_divert(struct ftun_divert_config config)
{
    struct ftun_error error;
    open_tun(&error);
    reload_divert(config);
}

void reload_divert(struct ftun_divert_config config)
{
    struct ftun_error error;
    struct ftun_remotes remotes = {0};
    for (int i = 0; i < 2; i++)
        ftun_remotes_add(&remotes, &(struct ftun_socket_address){there[i], PORT});
    divert = ftun_divert_load(&config, &error);
    if (divert == NULL || !ftun_divert_set_tun(divert, if_nametoindex(tun.name), &error) ||
        !ftun_divert_set_addresses(divert, here, 2, &error) ||
        !ftun_divert_set_remotes(divert, &remotes, &error))
        fail_msg("%s", error.text);
}

int close_divert(void **state)
{
    (void)state;
    ftun_divert_close(divert);
    ftun_tun_close(&tun);
    divert = NULL;
    return 0;
}

struct made segment(struct ftun_socket_address from, struct ftun_socket_address to, uint8_t flags)
{
    struct made packet = {0};
    const struct ftun_segment wanted = {
        .tuple = {.local = from, .remote = to},
        .tcp = {.flags = flags, .sequence = 1000, .acknowledgment = 2000, .window = 1000},
        .ttl = 64,
        .ip_id = 7,
        .payload_len = PAYLOAD,
    };
    packet.len = ftun_segment_emit(&wanted, FTUN_CHECKSUM_FULL, 0, packet.bytes) + PAYLOAD;
    return packet;
}

static int family_index(int version)
{
    return version == FTUN_IPV6;
}

struct made to_server(int version)
{
    const int i = family_index(version);
    return segment(at(there[i], CLIENT_PORT), at(here[i], PORT), FTUN_ACK);
}

struct made to_client(int version)
{
    const int i = family_index(version);
    return segment(at(there[i], PORT), at(here[i], CLIENT_PORT), FTUN_ACK);
}

struct made from_server(int version)
{
    const int i = family_index(version);
    return segment(at(here[i], PORT), at(there[i], CLIENT_PORT), FTUN_ACK);
}

static bool is_ipv6(const struct made *packet)
{
    return packet->bytes[0] >> 4 == FTUN_IPV6;
}

static void put_length(struct made *packet)
{
    if (is_ipv6(packet))
        ftun_store_be16(packet->bytes + 4, (uint16_t)(packet->len - FTUN_IPV6_HEADER));
    else
        ftun_store_be16(packet->bytes + 2, (uint16_t)packet->len);
}

static void insert(struct made *packet, size_t off, const uint8_t *bytes, size_t len)
{
    assert_true(packet->len + len <= PACKET_MAX);
    memmove(packet->bytes + off + len, packet->bytes + off, packet->len - off);
    memcpy(packet->bytes + off, bytes, len);
    packet->len += len;
    put_length(packet);
}

struct made with_options(const struct made *packet, const uint8_t *options, size_t len)
{
    struct made longer = *packet;
    longer.bytes[0] = (uint8_t)(longer.bytes[0] + len / 4);
    insert(&longer, FTUN_IPV4_HEADER_MIN, options, len);
    mend(&longer);
    return longer;
}

struct made with_extension(const struct made *packet, uint8_t kind, const uint8_t *bytes,
                           size_t len)
{
    struct made longer = *packet;
    insert(&longer, FTUN_IPV6_HEADER, bytes, len);
    longer.bytes[FTUN_IPV6_HEADER] = longer.bytes[6];
    longer.bytes[6] = kind;
    return longer;
}

static struct made fragment_ipv6(const struct made *packet, uint32_t id, uint16_t field, size_t len)
{
    uint8_t header[8] = {0};
    const struct made part = *packet;
    ftun_store_be16(header + 2, field);
    ftun_store_be32(header + 4, id);
    struct made out = with_extension(&part, 44, header, sizeof header);
    out.len = FTUN_IPV6_HEADER + sizeof header + len;
    put_length(&out);
    return out;
}

static struct made fragment_ipv4(const struct made *packet, uint32_t id, uint16_t field, size_t len)
{
    struct made out = *packet;
    out.len = FTUN_IPV4_HEADER_MIN + len;
    ftun_store_be16(out.bytes + 4, (uint16_t)id);
    ftun_store_be16(out.bytes + 6, field);
    put_length(&out);
    mend(&out);
    return out;
}

struct made fragment(const struct made *packet, uint32_t id, size_t offset, size_t len)
{
    const size_t header = is_ipv6(packet) ? FTUN_IPV6_HEADER : FTUN_IPV4_HEADER_MIN;
    const bool more = header + offset + len < packet->len;
    struct made part = *packet;
    memmove(part.bytes + header, packet->bytes + header + offset, len);
    if (is_ipv6(packet)) /* RFC 8200 4.5 */
        return fragment_ipv6(&part, id, (uint16_t)(offset | (more ? 1u : 0u)), len);
    return fragment_ipv4(&part, id, (uint16_t)(offset / 8 | (more ? 0x2000u : 0u)), len);
}

/* Protocol's payload, between these. */
static struct made message(struct ftun_address from, struct ftun_address to, uint8_t protocol,
                           const uint8_t *bytes, size_t len)
{
    struct made packet = {0};
    const struct ftun_ip_header ip = {
        .source = from, .destination = to, .protocol = protocol, .ttl = 64, .payload_len = len};
    const size_t header = ftun_ip_emit(&ip, packet.bytes);
    memcpy(packet.bytes + header, bytes, len);
    packet.len = header + len;
    return packet;
}

struct made error_about(const struct made *packet, uint8_t type, uint8_t code)
{
    const int i = is_ipv6(packet);
    const struct ftun_address router = i ? ipv6(99) : ipv4(198, 51, 100, 9);
    uint8_t bytes[FTUN_ICMP_HEADER + PACKET_MAX] = {type, code};
    struct ftun_ip_header ip;
    assert_int_equal(ftun_ip_parse_quoted(packet->bytes, packet->len, &ip), FTUN_TAKEN);
    ftun_store_be32(bytes + 4, 1300);
    memcpy(bytes + FTUN_ICMP_HEADER, packet->bytes, packet->len);
    struct made error = message(router, ip.source, i ? FTUN_PROTOCOL_ICMPV6 : FTUN_PROTOCOL_ICMP,
                                bytes, FTUN_ICMP_HEADER + packet->len);
    mend(&error);
    return error;
}

static void mend_icmp(struct made *packet)
{
    struct ftun_ip_header ip;
    if (ftun_ip_parse(packet->bytes, packet->len, &ip) != FTUN_TAKEN || ip.payload_len < 4 ||
        (ip.protocol != FTUN_PROTOCOL_ICMP && ip.protocol != FTUN_PROTOCOL_ICMPV6))
        return;
    uint8_t *const bytes = packet->bytes + ip.header_len;
    ftun_store_be16(bytes + 2, 0);
    uint16_t sum = ftun_sum(bytes, ip.payload_len);
    if (ip.protocol == FTUN_PROTOCOL_ICMPV6)
        sum = ftun_sum_add(
            sum, ftun_sum_pseudo_header(&ip.source, &ip.destination, ip.protocol, ip.payload_len));
    ftun_store_be16(bytes + 2, (uint16_t)~sum);
}

void mend(struct made *packet)
{
    const size_t header = (size_t)(packet->bytes[0] & 0x0f) * 4;
    if (packet->bytes[0] >> 4 == FTUN_IPV4 && header >= FTUN_IPV4_HEADER_MIN &&
        header <= packet->len) {
        ftun_store_be16(packet->bytes + 10, 0);
        ftun_store_be16(packet->bytes + 10, (uint16_t)~ftun_sum(packet->bytes, header));
    }
    mend_icmp(packet);
}

/* The kernel's test run sorts frames by their destination as a link does: the loopback device has
 * the address 0. It cannot be told of VLAN tags. */
static enum verdict run(int program, const struct made *packet, uint8_t to, uint16_t ethertype,
                        const struct __sk_buff *context, uint32_t times)
{
    uint8_t frame[ETHERNET_HEADER + PACKET_MAX] = {to};
    ftun_store_be16(frame + ETHERTYPE_AT, ethertype);
    memcpy(frame + ETHERNET_HEADER, packet->bytes, packet->len);
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame,
                .data_size_in = (uint32_t)(ETHERNET_HEADER + packet->len), .ctx_in = context,
                .ctx_size_in = context != NULL ? sizeof *context : 0, .repeat = (int)times);
    assert_int_equal(bpf_prog_test_run_opts(program, &options), 0);
    return (enum verdict)(int)options.retval;
}

static uint16_t ethertype_of(const struct made *packet)
{
    return is_ipv6(packet) ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
}

enum verdict arrives(const struct made *packet)
{
    return run(divert->object.arrives, packet, 0, ethertype_of(packet), NULL, 1);
}

enum verdict arrives_for_other(const struct made *packet)
{
    return run(divert->object.arrives, packet, 2, ethertype_of(packet), NULL, 1);
}

enum verdict arrives_as(const struct made *packet, uint16_t ethertype)
{
    return run(divert->object.arrives, packet, 0, ethertype, NULL, 1);
}

uint64_t arrives_times(const struct made *packet, uint32_t times)
{
    const uint64_t before = divert_counted().taken;
    run(divert->object.arrives, packet, 0, ethertype_of(packet), NULL, times);
    return divert_counted().taken - before;
}

enum verdict leaves(const struct made *packet, uint32_t segment_size)
{
    const struct __sk_buff context = {.ifindex = divert->tun, .gso_size = segment_size};
    return run(divert->object.leaves, packet, 0, ethertype_of(packet), &context, 1);
}

struct ftun_divert_counters divert_counted(void)
{
    struct ftun_divert_counters counters;
    ftun_divert_counters(divert, &counters);
    return counters;
}
