/* The divert programs and their maps (src/bpf), loaded into the kernel. */
#ifndef FTUN_IO_DIVERT_OBJECT_H
#define FTUN_IO_DIVERT_OBJECT_H

#include "divert.h"

struct bpf_object;

/* All but `bpf` are descriptors, which belong to it. */
struct ftun_divert_object {
    struct bpf_object *bpf;
    int arrives, arrives_tcx, leaves; /* programs */
    int tun, addresses, remotes, allowed, counts, too_big;
};

/* Load them, with the settings of `config` and whom it allows. On error nothing is left. */
bool ftun_divert_object_load(struct ftun_divert_object *object,
                             const struct ftun_divert_config *config, struct ftun_error *error);

/* What was loaded goes once nothing is attached any more. */
void ftun_divert_object_close(struct ftun_divert_object *object);

#endif
