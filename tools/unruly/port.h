#ifndef UNRULY_PORT_H
#define UNRULY_PORT_H

#include <stddef.h>
#include <stdint.h>

/** The longest Ethernet frame that is carried. Longer ones are several that an offload glued. */
enum { FRAME_MOST = 9014 };

/** Open the network interface of that name for frames in and out. Exits with a message when that
 * cannot be done. */
int port_open(const char *device);

/** The next frame that arrived, or 0 when there is none now or the interface is down. Exits with a
 * message when a frame is longer than FRAME_MOST. */
size_t port_receive(int port, uint8_t frame[FRAME_MOST]);

/** Send a frame: waits while the interface's queue is full. What an interface that is down does not
 * take is lost, as on a cable. */
void port_send(int port, const uint8_t *frame, size_t length);

#endif
