#include "burst.h"

#include <netinet/udp.h>
#include <string.h>

void burst_set_stride(struct msghdr *header, struct burst_control *control, size_t stride)
{
    const uint16_t value = (uint16_t)stride;
    struct cmsghdr *item;

    header->msg_control = control->bytes;
    header->msg_controllen = sizeof control->bytes;
    item = CMSG_FIRSTHDR(header);
    item->cmsg_level = SOL_UDP;
    item->cmsg_type = UDP_SEGMENT;
    item->cmsg_len = CMSG_LEN(sizeof value);
    memcpy(CMSG_DATA(item), &value, sizeof value);
}
