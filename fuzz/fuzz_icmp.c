/* ICMP and ICMPv6 errors: any bytes as a message, and messages that quote a segment of ftun's. */
#include "bytes.h"
#include "checksum.h"
#include "fuzz_input.h"
#include "packet.h"

static struct ftun_ip_header ip_header(bool ipv6)
{
    const enum ftun_family family = ipv6 ? FTUN_IPV6 : FTUN_IPV4;
    return (struct ftun_ip_header){
        .source = {.bytes = {198, 51, 100, 1}, .family = (uint8_t)family},
        .destination = {.bytes = {192, 168, 200, 2}, .family = (uint8_t)family},
        .protocol = ipv6 ? FTUN_PROTOCOL_ICMPV6 : FTUN_PROTOCOL_ICMP,
    };
}

/* Hardly any input would have the right checksum by itself. */
static void repair_checksum(const struct ftun_ip_header *ip, uint8_t *message, size_t len)
{
    if (len < FTUN_ICMP_HEADER)
        return;
    ftun_store_be16(message + 2, 0);
    uint16_t sum = ftun_sum(message, len);
    if (ip->protocol == FTUN_PROTOCOL_ICMPV6)
        sum = ftun_sum_add(
            sum, ftun_sum_pseudo_header(&ip->source, &ip->destination, FTUN_PROTOCOL_ICMPV6, len));
    ftun_store_be16(message + 2, (uint16_t)~sum);
}

/* Any bytes are the message. */
static void parse_anything(struct fuzz_input *input, const struct ftun_ip_header *ip, bool repair)
{
    size_t len;
    const uint8_t *bytes = fuzz_bytes(input, SIZE_MAX, &len);
    uint8_t *message = fuzz_copy(bytes, len);
    if (repair)
        repair_checksum(ip, message, len);
    struct ftun_icmp_error error;
    const enum ftun_refusal refusal = ftun_icmp_parse(ip, message, len, &error);
    FUZZ_REQUIRE(refusal == FTUN_TAKEN || refusal == FTUN_REFUSED_TRUNCATED_ICMP ||
                 refusal == FTUN_REFUSED_MALFORMED_ICMP_CHECKSUM ||
                 refusal == FTUN_REFUSED_MALFORMED_ICMP_MTU ||
                 refusal == FTUN_REFUSED_UNSUPPORTED_PROTOCOL);
    FUZZ_REQUIRE(refusal != FTUN_TAKEN || error.tuple.local.ip.family != FTUN_FAMILY_NONE);
    fuzz_free(message, len);
}

static struct ftun_segment read_segment(struct fuzz_input *input, const struct ftun_ip_header *ip)
{
    struct ftun_segment segment = {
        .tuple = {.local.ip = ip->destination, .remote.ip = ip->source},
        .tcp.flags = FTUN_ACK,
    };
    segment.tuple.local.port = fuzz_u16(input);
    segment.tuple.remote.port = fuzz_u16(input);
    segment.tcp.sequence = fuzz_u32(input);
    segment.payload_len = fuzz_u16(input) % 1400u;
    return segment;
}

/* The message quotes the first bytes of a segment that ftun has emitted, as many as the input
 * says: from 8 bytes of TCP on, it tells which. */
static void quote_segment(struct fuzz_input *input, const struct ftun_ip_header *ip)
{
    uint8_t headers[FTUN_HEADERS_MAX];
    const struct ftun_segment segment = read_segment(input, ip);
    const size_t headers_len = ftun_segment_emit(&segment, FTUN_CHECKSUM_FULL, 0, headers);
    const size_t ip_len = headers_len - ftun_tcp_header_len(&segment.tcp);
    const size_t quoted = fuzz_u8(input) % (headers_len + 1);
    const size_t len = FTUN_ICMP_HEADER + quoted;

    uint8_t *message = fuzz_allocate(len);
    memset(message, 0, FTUN_ICMP_HEADER);
    message[0] = ip->protocol == FTUN_PROTOCOL_ICMPV6 ? 1 : 3; /* unreachable */
    memcpy(message + FTUN_ICMP_HEADER, headers, quoted);
    repair_checksum(ip, message, len);

    struct ftun_icmp_error error;
    const enum ftun_refusal refusal = ftun_icmp_parse(ip, message, len, &error);
    FUZZ_REQUIRE(refusal == (quoted >= ip_len + 8 ? FTUN_TAKEN : FTUN_REFUSED_TRUNCATED_ICMP));
    FUZZ_REQUIRE(refusal != FTUN_TAKEN || (ftun_tuple_equal(&error.tuple, &segment.tuple) &&
                                           error.sequence == segment.tcp.sequence));
    free(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct fuzz_input input = {.data = data, .len = len};
    const uint8_t choice = fuzz_u8(&input);
    const struct ftun_ip_header ip = ip_header((choice & 1) != 0);
    if ((choice & 2) != 0)
        quote_segment(&input, &ip);
    else
        parse_anything(&input, &ip, (choice & 4) == 0);
    return 0;
}
