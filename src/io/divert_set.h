/* A map of the divert programs that is a set: its keys matter, not its values. */
#ifndef FTUN_IO_DIVERT_SET_H
#define FTUN_IO_DIVERT_SET_H

#include <stdbool.h>
#include <stddef.h>

/* Make the set of map `fd` these `count` keys of `size` bytes, at most DIVERT_KEY_MAX. What stays
 * is never missing meanwhile. False with errno. */
bool ftun_divert_set_replace(int fd, const void *keys, size_t count, size_t size);

enum { FTUN_DIVERT_KEY_MAX = 32 };

#endif
