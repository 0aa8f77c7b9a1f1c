#include "mss.h"

#include "ip.h"
#include "limits.h"

enum { SIZES = 1 << FTUN_MSS_INDEX_BITS };

/* MTU less 40 (IPv4) or 60 (IPv6), in pairs where both fall on a common link: Ethernet 1500, PPPoE
 * 1492, 6in4 1480, GRE 1476, Google 1460, VXLAN 1450, WireGuard 1440 and 1420, IPv6's least 1280,
 * jumbo frames 9000 and Google's 8896. 88 is Linux's TCP_MIN_MSS, 536 RFC 9293's default. */
static const uint16_t sizes[SIZES] = {
    0,    88,   256,  512,  536,  1024, 1200, 1220, 1240, 1280, 1300, 1320, 1340, 1360, 1380, 1390,
    1400, 1410, 1416, 1420, 1432, 1436, 1440, 1448, 1452, 1460, 2960, 3960, 8836, 8856, 8940, 8960};

uint8_t ftun_mss_index(uint16_t mss)
{
    uint8_t i = 1;
    while (i + 1 < SIZES && sizes[i + 1] <= mss)
        i++;
    return i;
}

uint16_t ftun_mss_of_index(uint8_t index)
{
    return sizes[index % SIZES];
}

uint16_t ftun_mss(enum ftun_family family, uint16_t mtu)
{
    const size_t headers = ftun_ip_header_len(family) + FTUN_TCP_HEADER_MIN;
    const uint16_t room = mtu > headers ? (uint16_t)(mtu - headers) : 0;
    return ftun_mss_of_index(ftun_mss_index(room));
}
