#include "port.h"

#include "fail.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

static void set(int port, int level, int option, int value)
{
    if (setsockopt(port, level, option, &value, sizeof value) < 0)
        fail("setting up a packet socket: %s", strerror(errno));
}

int port_open(const char *device)
{
    const int port = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const struct sockaddr_ll address = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(ETH_P_ALL),
        .sll_ifindex = (int)if_nametoindex(device),
    };

    if (port < 0)
        fail("a packet socket: %s", strerror(errno));
    if (address.sll_ifindex == 0)
        fail("%s: no such network interface", device);
    set(port, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
    /* What the program cannot read in time shall wait, not be lost: losses are its own business. */
    set(port, SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20);
    if (bind(port, (const struct sockaddr *)&address, sizeof address) < 0)
        fail("%s: %s", device, strerror(errno));
    return port;
}

size_t port_receive(int port, uint8_t frame[FRAME_MOST])
{
    const ssize_t length = recv(port, frame, FRAME_MOST, MSG_TRUNC);

    if (length > FRAME_MOST)
        fail("a frame of %zd bytes: switch the interfaces' offloads off", length);
    return length < 0 ? 0 : (size_t)length;
}

void port_send(int port, const uint8_t *frame, size_t length)
{
    while (send(port, frame, length, 0) < 0 && (errno == ENOBUFS || errno == EAGAIN))
        sched_yield(); /* to whoever empties the device's queue */
}
