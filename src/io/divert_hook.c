#include "divert_hook.h"

#include "filters.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* linux/bpf.h: BPF_TCX_INGRESS and BPF_F_BEFORE, Linux 6.6. */
#define TCX_INGRESS ((enum bpf_attach_type)46)
enum { TCX_BEFORE = 1u << 3 };

/* Priorities of filters: the one before all others, and one that the kernel chooses. */
enum { FIRST = 1, ANY = 0 };

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

static bool hook_tcx(struct ftun_divert_hooked *hooked, int program)
{
    hooked->tcx = link_tcx(program, hooked->link);
    return hooked->tcx >= 0;
}

static bool add_filter(struct ftun_divert_hooked *hooked, const struct bpf_tc_hook *hook,
                       int program, uint32_t priority)
{
    LIBBPF_OPTS(bpf_tc_opts, filter, .prog_fd = program, .priority = priority);
    if (bpf_tc_attach(hook, &filter) != 0)
        return false;
    hooked->handle = filter.handle;
    hooked->priority = filter.priority;
    hooked->program = filter.prog_id;
    return true;
}

static void remove_empty_qdisc(uint32_t link)
{
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)link,
                .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
    if (ftun_filters_ingress(link, NULL, NULL) == 0 && ftun_filters_egress(link, NULL, NULL) == 0)
        bpf_tc_hook_destroy(&hook);
}

/* The first priority may be taken by filters of another kind. */
static bool hook_clsact(struct ftun_divert_hooked *hooked, int program)
{
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)hooked->link, .attach_point = BPF_TC_INGRESS);
    hooked->made_qdisc = bpf_tc_hook_create(&hook) == 0;
    if (!hooked->made_qdisc && errno != EEXIST)
        return false;
    if (add_filter(hooked, &hook, program, FIRST) || add_filter(hooked, &hook, program, ANY))
        return true;
    const int cause = errno;
    if (hooked->made_qdisc)
        remove_empty_qdisc(hooked->link);
    errno = cause;
    return false;
}

static bool fail_hook(const struct ftun_divert_hooked *hooked, int cause, struct ftun_error *error)
{
    char name[IF_NAMESIZE] = "a lost link";
    if_indextoname(hooked->link, name);
    return ftun_fail(error, "cannot attach a BPF program to %s (%s): %s", name,
                     hooked->kind == FTUN_DIVERT_TCX ? "tcx" : "clsact", strerror(cause));
}

bool ftun_divert_hook_in(struct ftun_divert_hooked *hooked, enum ftun_divert_hook kind, int program,
                         uint32_t link, struct ftun_error *error)
{
    *hooked = (struct ftun_divert_hooked){.kind = kind, .link = link, .tcx = -1};
    if (kind == FTUN_DIVERT_TCX ? hook_tcx(hooked, program) : hook_clsact(hooked, program))
        return true;
    const int cause = errno;
    fail_hook(hooked, cause, error);
    hooked->kind = FTUN_DIVERT_AUTO;
    errno = cause;
    return false;
}

/* Somebody else may have removed the filter, and put another in its place. */
static void remove_filter(const struct ftun_divert_hooked *hooked)
{
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)hooked->link, .attach_point = BPF_TC_INGRESS);
    LIBBPF_OPTS(bpf_tc_opts, there, .handle = hooked->handle, .priority = hooked->priority);
    LIBBPF_OPTS(bpf_tc_opts, ours, .handle = hooked->handle, .priority = hooked->priority);
    if (bpf_tc_query(&hook, &there) == 0 && there.prog_id == hooked->program)
        bpf_tc_detach(&hook, &ours);
}

void ftun_divert_unhook(struct ftun_divert_hooked *hooked)
{
    if (hooked->kind == FTUN_DIVERT_TCX)
        close(hooked->tcx);
    if (hooked->kind == FTUN_DIVERT_CLSACT) {
        remove_filter(hooked);
        if (hooked->made_qdisc)
            remove_empty_qdisc(hooked->link);
    }
    hooked->kind = FTUN_DIVERT_AUTO;
}
