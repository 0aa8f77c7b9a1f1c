/* The inside of a struct ftun_divert, for its own files and its tests. */
#ifndef FTUN_IO_DIVERT_STATE_H
#define FTUN_IO_DIVERT_STATE_H

#include "divert_hook.h"
#include "divert_object.h"
#include "divert_too_big.h"

struct ftun_divert_link {
    struct ftun_link link;
    struct ftun_divert_hooked hooked;
};

struct ftun_divert {
    struct ftun_divert_object object;
    enum ftun_divert_hook hook;
    uint32_t tun; /* interface index; 0: none yet */
    struct ftun_divert_hooked on_tun;
    int count;
    struct ftun_divert_link links[FTUN_LINKS_MAX];
    struct ftun_divert_too_big *too_big;
};

#endif
