/* Receive buffers of their own for applications that flood the client.
 *
 * All applications send to one socket, the listener. When one of them sends more than is read, the
 * listener's buffer is full, and the kernel drops whatever comes next: the datagrams of the others,
 * too, and those that find room wait behind the flood. So the flood gets a lane: a second socket on
 * the same port, connected to its source. The kernel gives a datagram to the socket that matches it
 * most closely: from then on the flood fills its own buffer, what has no room there is dropped at
 * once and at the cost of who sends it, and the loop reads the sockets in turn. Nobody else is
 * dropped, or waits. */
#ifndef FTUN_IO_LANES_H
#define FTUN_IO_LANES_H

#include "limits.h"
#include "udp.h"

/* Each may hold as much of the kernel's memory as the listener. */
#define FTUN_LANES_MAX 16u

/* A lane that has brought nothing for so long (ns) yields to another flood. */
#define FTUN_LANE_SILENCE (10 * FTUN_SECOND)

struct ftun_lane {
    int fd; /* -1: there is none */
    struct ftun_socket_address source;
    uint64_t heard_ns; /* when it was made, or was last read with success */
    uint64_t behind;   /* messages of the listener that may be older: it is not read before them */
    uint32_t dropped;  /* by the kernel, when last looked at */
};

struct ftun_lanes {
    struct ftun_lane at[FTUN_LANES_MAX];
    uint32_t dropped; /* of the listener: by the kernel, when last looked at */
};

/* No lanes yet. */
void ftun_lanes_init(struct ftun_lanes *lanes);

void ftun_lanes_close(struct ftun_lanes *lanes);

/* `listener` has just brought `count` messages: if its buffer is filling, make a lane for the
 * source that has brought most. Returns its number, FTUN_LANES_MAX when none was made. Adds to
 * `lost` how many messages the buffer had no room for since the last call. */
size_t ftun_lanes_relieve(struct ftun_lanes *lanes, int listener,
                          const struct ftun_udp_batch *batch, size_t count, uint64_t now_ns,
                          uint64_t *lost);

/* Close lane number `i`, which nobody can wait for: its source speaks to the listener again. */
void ftun_lanes_give_up(struct ftun_lanes *lanes, size_t i);

/* May lane number `i` be read? Not while the listener may have older messages of its source. */
bool ftun_lanes_may_read(const struct ftun_lanes *lanes, size_t i);

/* As ftun_udp_receive(), what lane number `i` has; nothing when it may not be read. Adds to `lost`
 * how many messages its buffer had no room for since the last call. */
int ftun_lanes_receive(struct ftun_lanes *lanes, size_t i, struct ftun_udp_batch *batch,
                       uint64_t now_ns, uint64_t *lost);

#endif
