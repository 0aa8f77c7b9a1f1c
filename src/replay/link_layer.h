/* Link layers of capture files: where the IP header begins. */
#ifndef FTUN_REPLAY_LINK_LAYER_H
#define FTUN_REPLAY_LINK_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ftun_link_content {
    FTUN_LINK_IP,    /* an IP packet, as far as the link layer says */
    FTUN_LINK_OTHER, /* ARP, LLDP, ... */
    FTUN_LINK_SHORT  /* the frame ends inside its link header */
};

/* True for the link types (libpcap's DLT_...) that ftun_link_peel() knows. */
bool ftun_link_known(int link_type);

/* Step over the link header of a frame of a known link type: Ethernet with any number of VLAN tags
 * (IEEE 802.1Q, 802.1ad), raw IP, BSD loopback in either byte order, Linux "cooked" v1 and v2.
 * `*offset` receives where the IP header begins, in bytes, for FTUN_LINK_IP. */
enum ftun_link_content ftun_link_peel(int link_type, const uint8_t *frame, size_t len,
                                      size_t *offset);

#endif
