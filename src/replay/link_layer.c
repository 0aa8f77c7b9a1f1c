#include "link_layer.h"

#include "bytes.h"

#include <pcap/dlt.h>

/* Sizes in bytes, offsets from the start of the frame. */
enum {
    ETHERNET_TYPE = 12, /* IEEE 802.3 3.2.6 */
    ETHERNET_HEADER = 14,
    VLAN_TAG = 4,  /* IEEE 802.1Q 9.5: two bytes of tag, then a type as Ethernet's */
    SLL_TYPE = 14, /* https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html */
    SLL_HEADER = 16,
    SLL2_TYPE = 0, /* https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html */
    SLL2_HEADER = 20,
    LOOPBACK_HEADER = 4 /* https://www.tcpdump.org/linktypes/LINKTYPE_NULL.html */
};

/* IANA ieee-802-numbers */
enum {
    TYPE_IPV4 = 0x0800,
    TYPE_VLAN = 0x8100,
    TYPE_IPV6 = 0x86dd,
    TYPE_PROVIDER_VLAN = 0x88a8,
    TYPE_OLD_QINQ = 0x9100
};

/* Address families of the systems that write loopback captures. */
enum {
    FAMILY_IPV4 = 2,
    FAMILY_IPV6_LINUX = 10,
    FAMILY_IPV6_BSD = 24,
    FAMILY_IPV6_FREEBSD = 28,
    FAMILY_IPV6_DARWIN = 30
};

bool ftun_link_known(int link_type)
{
    switch (link_type) {
    case DLT_EN10MB:
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_IPV6:
    case DLT_NULL:
    case DLT_LOOP:
    case DLT_LINUX_SLL:
    case DLT_LINUX_SLL2:
        return true;
    default:
        return false;
    }
}

static bool is_vlan(uint16_t type)
{
    return type == TYPE_VLAN || type == TYPE_PROVIDER_VLAN || type == TYPE_OLD_QINQ;
}

/* A header with an Ethernet type at `type_at`, and the payload, or a VLAN tag, at `payload_at`. */
static enum ftun_link_content peel_typed(const uint8_t *frame, size_t len, size_t type_at,
                                         size_t payload_at, size_t *offset)
{
    if (payload_at > len)
        return FTUN_LINK_SHORT;
    uint16_t type = ftun_load_be16(frame + type_at);
    while (is_vlan(type)) {
        if (payload_at + VLAN_TAG > len)
            return FTUN_LINK_SHORT;
        type = ftun_load_be16(frame + payload_at + 2);
        payload_at += VLAN_TAG;
    }
    *offset = payload_at;
    return type == TYPE_IPV4 || type == TYPE_IPV6 ? FTUN_LINK_IP : FTUN_LINK_OTHER;
}

/* The family is in the byte order of the machine that captured, or in network order: families are
 * small numbers, which tells the two apart. */
static enum ftun_link_content peel_loopback(const uint8_t *frame, size_t len, size_t *offset)
{
    if (LOOPBACK_HEADER > len)
        return FTUN_LINK_SHORT;
    const uint32_t big_endian = ftun_load_be32(frame);
    const uint32_t family =
        big_endian > UINT16_MAX ? (uint32_t)frame[1] << 8 | frame[0] : big_endian;
    *offset = LOOPBACK_HEADER;
    switch (family) {
    case FAMILY_IPV4:
    case FAMILY_IPV6_LINUX:
    case FAMILY_IPV6_BSD:
    case FAMILY_IPV6_FREEBSD:
    case FAMILY_IPV6_DARWIN:
        return FTUN_LINK_IP;
    default:
        return FTUN_LINK_OTHER;
    }
}

enum ftun_link_content ftun_link_peel(int link_type, const uint8_t *frame, size_t len,
                                      size_t *offset)
{
    switch (link_type) {
    case DLT_EN10MB:
        return peel_typed(frame, len, ETHERNET_TYPE, ETHERNET_HEADER, offset);
    case DLT_LINUX_SLL:
        return peel_typed(frame, len, SLL_TYPE, SLL_HEADER, offset);
    case DLT_LINUX_SLL2:
        return peel_typed(frame, len, SLL2_TYPE, SLL2_HEADER, offset);
    case DLT_NULL:
    case DLT_LOOP:
        return peel_loopback(frame, len, offset);
    default: /* raw IP */
        *offset = 0;
        return FTUN_LINK_IP;
    }
}
