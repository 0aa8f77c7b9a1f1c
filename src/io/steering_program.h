/* The kernel gives each packet to the queue of its worker: a program of src/core/steering.h, in the
 * machine language of BPF, attached to the TUN. */
#ifndef FTUN_IO_STEERING_PROGRAM_H
#define FTUN_IO_STEERING_PROGRAM_H

#include "error.h"

#include <stdbool.h>
#include <stdint.h>

/* Load the program; `by_source`: the client's port is the source port of what the TUN brings.
 * Returns its descriptor, or -1 with errno. Given a packet, it returns the queue's number. */
int ftun_steering_load(bool by_source, uint32_t workers);

/* Have the TUN whose queue `tun_fd` is use a program loaded so, for as long as the device exists.
 */
bool ftun_steering_attach(int tun_fd, int program, struct ftun_error *error);

#endif
