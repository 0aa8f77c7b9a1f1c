/* Filters of clsact that a ftun which was killed has left on the host's links. */
#ifndef FTUN_IO_DIVERT_LEFTOVERS_H
#define FTUN_IO_DIVERT_LEFTOVERS_H

/* Remove them. A live ftun's are left alone: its TUN is there. What cannot be removed stays: it
 * does nothing. */
void ftun_divert_leftovers_remove(void);

#endif
