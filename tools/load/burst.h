#ifndef LOAD_BURST_H
#define LOAD_BURST_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/** Room for the control message that cuts a send call into datagrams. */
struct burst_control {
    _Alignas(struct cmsghdr) uint8_t bytes[CMSG_SPACE(sizeof(uint16_t))];
};

/** Make the kernel cut what `header` sends into datagrams of `stride` bytes (UDP_SEGMENT). */
void burst_set_stride(struct msghdr *header, struct burst_control *control, size_t stride);

#endif
