#include "divert_hook.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* linux/bpf.h: BPF_TCX_INGRESS and BPF_F_BEFORE, Linux 6.6. */
#define TCX_INGRESS ((enum bpf_attach_type)46)
enum { TCX_BEFORE = 1u << 3 };

enum { FIRST = 1 }; /* the priority of a filter that comes before all others */

static int link_tcx(int program, uint32_t link)
{
    LIBBPF_OPTS(bpf_link_create_opts, options, .flags = TCX_BEFORE);
    return bpf_link_create(program, (int)link, TCX_INGRESS, &options);
}

bool ftun_divert_has_tcx(int program)
{
    const int fd = link_tcx(program, 0); /* which is no link's index */
    const int cause = errno;
    if (fd >= 0)
        close(fd);
    return fd >= 0 || cause == ENODEV;
}

static bool hook_tcx(struct ftun_divert_hooked *hooked, int program, struct ftun_error *error)
{
    hooked->tcx = link_tcx(program, hooked->link);
    return hooked->tcx >= 0 ||
           ftun_fail(error, "cannot attach to the network interface of index %u (tcx): %s",
                     hooked->link, strerror(errno));
}

bool ftun_divert_hook_in(struct ftun_divert_hooked *hooked, enum ftun_divert_hook kind, int program,
                         uint32_t link, struct ftun_error *error)
{
    *hooked = (struct ftun_divert_hooked){.kind = kind, .link = link, .tcx = -1};
    if (kind == FTUN_DIVERT_TCX && hook_tcx(hooked, program, error))
        return true;
    hooked->kind = FTUN_DIVERT_AUTO;
    return false;
}

void ftun_divert_unhook(struct ftun_divert_hooked *hooked)
{
    if (hooked->kind == FTUN_DIVERT_TCX)
        close(hooked->tcx);
    hooked->kind = FTUN_DIVERT_AUTO;
}
