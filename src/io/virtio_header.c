#include "virtio_header.h"

#include <string.h>

struct ftun_tunnel_packet ftun_virtio_read(const uint8_t *frame, size_t len)
{
    struct virtio_net_hdr header;
    if (sizeof header > len)
        return (struct ftun_tunnel_packet){.data = frame};
    memcpy(&header, frame, sizeof header);
    return (struct ftun_tunnel_packet){
        .data = frame + sizeof header,
        .len = len - sizeof header,
        .segment_size = header.gso_type == VIRTIO_NET_HDR_GSO_NONE ? 0 : header.gso_size,
        .checksum_vouched =
            (header.flags & (VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID)) != 0,
    };
}

struct virtio_net_hdr ftun_virtio_header(const struct ftun_segment *segment, size_t headers_len,
                                         size_t stride)
{
    struct virtio_net_hdr header = {
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
        .gso_type = VIRTIO_NET_HDR_GSO_NONE,
        .hdr_len = (uint16_t)headers_len,
        .csum_start = (uint16_t)(headers_len - ftun_tcp_header_len(&segment->tcp)),
        .csum_offset = FTUN_TCP_CHECKSUM_OFFSET,
    };
    if (segment->payload_len > stride) {
        header.gso_type = segment->tuple.local.ip.family == FTUN_IPV6 ? VIRTIO_NET_HDR_GSO_TCPV6
                                                                      : VIRTIO_NET_HDR_GSO_TCPV4;
        header.gso_size = (uint16_t)stride;
    }
    return header;
}
