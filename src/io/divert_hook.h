/* Where a program is hooked in on the ingress of one link: as a link of tcx, or as a filter of
 * clsact. */
#ifndef FTUN_IO_DIVERT_HOOK_H
#define FTUN_IO_DIVERT_HOOK_H

#include "divert.h"

struct ftun_divert_hooked {
    enum ftun_divert_hook kind; /* AUTO: not hooked in */
    uint32_t link;              /* interface index */
    int tcx;                    /* descriptor: closing it is the end */
    uint32_t handle, priority;  /* clsact: the filter's */
    uint32_t program;           /* clsact: the filter's, the kernel's number */
    bool made_qdisc;
};

/* Has the kernel tcx? `program`: a descriptor, of a program for it. */
bool ftun_divert_has_tcx(int program);

/* Hook a program in, before all others there; `kind` is TCX or CLSACT. On error `hooked` is not,
 * and errno says why: ENODEV when there is no such link. */
bool ftun_divert_hook_in(struct ftun_divert_hooked *hooked, enum ftun_divert_hook kind, int program,
                         uint32_t link, struct ftun_error *error);

/* Take it out. A link that is gone has taken it along. A qdisc that it was made for goes if nothing
 * else is in there. */
void ftun_divert_unhook(struct ftun_divert_hooked *hooked);

#endif
