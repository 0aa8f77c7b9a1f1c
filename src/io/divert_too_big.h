/* Packets that were too big for their routes: ftun reads of them what a router would have sent. */
#ifndef FTUN_IO_DIVERT_TOO_BIG_H
#define FTUN_IO_DIVERT_TOO_BIG_H

#include "error.h"

#include <stdint.h>

struct ftun_divert_too_big;

/* `map`: the descriptor of the ring buffer that the programs write to; `mark`: of the packets. NULL
 * on error. */
struct ftun_divert_too_big *ftun_divert_too_big_open(int map, uint32_t mark,
                                                     struct ftun_error *error);

/* Readable when there is something to take. */
int ftun_divert_too_big_fd(const struct ftun_divert_too_big *too_big);

/* Answer all that there are with ICMP's "too big", through the TUN, an interface index. */
void ftun_divert_too_big_answer(struct ftun_divert_too_big *too_big, uint32_t tun);

/* NULL: nothing. */
void ftun_divert_too_big_close(struct ftun_divert_too_big *too_big);

#endif
