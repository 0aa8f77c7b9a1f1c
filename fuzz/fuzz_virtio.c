/* What is read from a TUN: any bytes as a frame; and the header of a segment, read back.
 *
 * The first byte says which, and the family of the segment. */
#include "fuzz_input.h"
#include "virtio_header.h"

static void read_anything(struct fuzz_input *input)
{
    size_t len;
    const uint8_t *bytes = fuzz_bytes(input, SIZE_MAX, &len);
    uint8_t *frame = fuzz_copy(bytes, len);
    const struct ftun_tunnel_packet packet = ftun_virtio_read(frame, len);
    FUZZ_REQUIRE(packet.segment_size <= UINT16_MAX);
    FUZZ_REQUIRE(packet.len == 0 || packet.data + packet.len == frame + len);
    FUZZ_REQUIRE(packet.len == 0 || packet.data == frame + sizeof(struct virtio_net_hdr));
    fuzz_free(frame, len);
}

static void read_own(struct fuzz_input *input, enum ftun_family family)
{
    struct ftun_segment segment = {.tuple.local.ip.family = (uint8_t)family,
                                   .tuple.remote.ip.family = (uint8_t)family};
    segment.payload_len = fuzz_u16(input);
    const size_t stride = (size_t)fuzz_u16(input) + (segment.payload_len == 0);
    uint8_t headers[FTUN_HEADERS_MAX];
    const size_t headers_len = ftun_segment_emit(&segment, FTUN_CHECKSUM_PARTIAL, 0, headers);
    const struct virtio_net_hdr header = ftun_virtio_header(&segment, headers_len, stride);
    FUZZ_REQUIRE((size_t)header.csum_start + ftun_tcp_header_len(&segment.tcp) == headers_len);
    uint8_t frame[sizeof header + FTUN_HEADERS_MAX];
    memcpy(frame, &header, sizeof header);
    memcpy(frame + sizeof header, headers, headers_len);
    const struct ftun_tunnel_packet packet = ftun_virtio_read(frame, sizeof header + headers_len);
    FUZZ_REQUIRE(packet.len == headers_len && packet.checksum_vouched);
    FUZZ_REQUIRE(packet.segment_size == (segment.payload_len > stride ? stride : 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct fuzz_input input = {.data = data, .len = len};
    const uint8_t choice = fuzz_u8(&input);
    if ((choice & 1) != 0)
        read_own(&input, (choice & 2) != 0 ? FTUN_IPV6 : FTUN_IPV4);
    else
        read_anything(&input);
    return 0;
}
