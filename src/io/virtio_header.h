/* The header in front of a TUN's packets that tells of their offloads (VIRTIO 1.2, 5.1.6), as bytes
 * in the machine's order. */
#ifndef FTUN_IO_VIRTIO_HEADER_H
#define FTUN_IO_VIRTIO_HEADER_H

#include "endpoint.h"

#include <linux/virtio_net.h>

/* The packet in the `len` bytes that were read from a TUN, header first; an empty one if they end
 * before it does. It points into `frame`. */
struct ftun_tunnel_packet ftun_virtio_read(const uint8_t *frame, size_t len);

/* For a segment whose headers, of IP and TCP, have `headers_len` bytes: the kernel is to complete
 * its checksum, and to cut a payload that is longer than `stride`. */
struct virtio_net_hdr ftun_virtio_header(const struct ftun_segment *segment, size_t headers_len,
                                         size_t stride);

#endif
