/* One instance at a time sets up or takes down: two must not choose the same addresses or ports,
 * nor put back each other's settings. */
#ifndef FTUN_IO_SETUP_LOCK_H
#define FTUN_IO_SETUP_LOCK_H

#include "error.h"

/* Returns a descriptor: close() gives the lock back. `wait`: up to ten seconds for whoever holds
 * it. -1 with errno: not to be had; EWOULDBLOCK when somebody holds it. */
int ftun_setup_lock(bool wait);

/* The line for ftun_setup_lock() that failed, from errno. Returns false. */
bool ftun_setup_lock_fail(struct ftun_error *error);

#endif
