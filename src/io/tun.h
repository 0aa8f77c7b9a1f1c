/* The TUN device: packets in and out, with the kernel's segmentation and checksum offloads. */
#ifndef FTUN_IO_TUN_H
#define FTUN_IO_TUN_H

#include "endpoint.h"
#include "error.h"

#include <net/if.h>
#include <sys/types.h>

struct ftun_tun {
    int fd;
    char name[IFNAMSIZ];
    bool persistent;  /* somebody else has made it, and it outlives ftun */
    bool multi_queue; /* there may be more queues: ftun_tun_add_queue() */
    bool offload;     /* packets carry a virtio-net header, bursts travel as super-segments */
};

/* A packet's bytes and, in front, the header that tells of its offloads. */
#define FTUN_TUN_BUFFER (FTUN_IP_PACKET_MAX + 64u)

/* Create the device `name`, or take a persistent one of that name; NULL or "": the kernel picks
 * the next free ftunN. `offload`: use the offloads if the kernel has them; `multi_queue`: make one
 * that may have several queues; `tun` says whether. The device lives until ftun_tun_close(), or the
 * end of the process. */
bool ftun_tun_open(struct ftun_tun *tun, const char *name, bool offload, bool multi_queue,
                   struct ftun_error *error);

/* One more queue of the device, in `queue`. The first has number 0, and each gets the next number;
 * closing one gives its number to the last. */
bool ftun_tun_add_queue(const struct ftun_tun *tun, struct ftun_tun *queue,
                        struct ftun_error *error);

void ftun_tun_close(struct ftun_tun *tun);

/* Read one packet into `buffer` (FTUN_TUN_BUFFER bytes); `packet` points into it. Returns 1; 0
 * when there is none now; -1 with errno when the device is gone. */
int ftun_tun_read(const struct ftun_tun *tun, uint8_t *buffer, struct ftun_tunnel_packet *packet);

/* Write one segment, or a super-segment: `segment` with the payload in `slices`, cut by the
 * kernel into pieces of `stride` bytes when it is longer. False with errno: dropped. */
bool ftun_tun_write(const struct ftun_tun *tun, const struct ftun_segment *segment, size_t stride,
                    const struct ftun_slice *slices, size_t slice_count);

#endif
