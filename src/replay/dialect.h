/* Who speaks? A guess by the SYN alone. */
#ifndef FTUN_REPLAY_DIALECT_H
#define FTUN_REPLAY_DIALECT_H

#include "tcp.h"

enum ftun_dialect {
    FTUN_DIALECT_UNSEEN, /* the SYN is not in the capture */
    FTUN_DIALECT_LINUX,  /* the kernel's own, and ftun, which looks like it */
    FTUN_DIALECT_PHANTUN,
    FTUN_DIALECT_OTHER
};

/* By the kinds of options and their order, and the first sequence number. */
enum ftun_dialect ftun_dialect_of(const struct ftun_tcp_header *syn);

/* One word; static. */
const char *ftun_dialect_name(enum ftun_dialect dialect);

#endif
