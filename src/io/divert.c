#include "divert_state.h"

#include "divert_keys.h"
#include "divert_leftovers.h"
#include "divert_set.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool choose_hook(struct ftun_divert *divert, enum ftun_divert_hook wanted,
                        struct ftun_error *error)
{
    const bool tcx = ftun_divert_has_tcx(divert->object.arrives);
    if (wanted == FTUN_DIVERT_TCX && !tcx)
        return ftun_fail(error, "the kernel has no tcx: that needs Linux 6.6 or later");
    divert->hook = wanted == FTUN_DIVERT_CLSACT || !tcx ? FTUN_DIVERT_CLSACT : FTUN_DIVERT_TCX;
    return true;
}

static bool load(struct ftun_divert *divert, const struct ftun_divert_config *config,
                 struct ftun_error *error)
{
    if (!ftun_divert_object_load(&divert->object, config, error) ||
        !choose_hook(divert, config->hook, error))
        return false;
    divert->too_big = ftun_divert_too_big_open(divert->object.too_big, config->mark, error);
    if (divert->too_big == NULL)
        return false;
    ftun_divert_leftovers_remove();
    return true;
}

struct ftun_divert *ftun_divert_load(const struct ftun_divert_config *config,
                                     struct ftun_error *error)
{
    struct ftun_divert *const divert = calloc(1, sizeof *divert);
    if (divert == NULL) {
        ftun_fail(error, "out of memory");
        return NULL;
    }
    if (load(divert, config, error))
        return divert;
    ftun_divert_close(divert);
    return NULL;
}

enum ftun_divert_hook ftun_divert_hook(const struct ftun_divert *divert)
{
    return divert->hook;
}

/* A link may be gone since it was listed: then there is nothing to hook into. */
static bool hook_in_link(struct ftun_divert *divert, struct ftun_divert_link *at,
                         struct ftun_error *error)
{
    const bool tcx = divert->hook == FTUN_DIVERT_TCX;
    const int program = tcx ? divert->object.arrives_tcx : divert->object.arrives;
    struct ftun_error cause;
    if (ftun_divert_hook_in(&at->hooked, divert->hook, program, at->link.index, &cause) ||
        errno == ENODEV)
        return true;
    *error = cause;
    return false;
}

/* While there was no TUN, another ftun may have taken the filters for leftovers. */
static bool renew_filters(struct ftun_divert *divert, struct ftun_error *error)
{
    bool all = true;
    for (int i = 0; i < divert->count && divert->hook == FTUN_DIVERT_CLSACT; i++) {
        ftun_divert_unhook(&divert->links[i].hooked);
        all = hook_in_link(divert, &divert->links[i], error) && all;
    }
    return all;
}

bool ftun_divert_set_tun(struct ftun_divert *divert, uint32_t tun, struct ftun_error *error)
{
    const uint32_t only = 0;
    ftun_divert_unhook(&divert->on_tun);
    if (!ftun_divert_hook_in(&divert->on_tun, divert->hook, divert->object.leaves, tun, error))
        return false;
    divert->tun = tun;
    if (bpf_map_update_elem(divert->object.tun, &only, &tun, BPF_ANY) != 0)
        return ftun_fail(error, "cannot divert packets to the TUN device: %s", strerror(errno));
    return renew_filters(divert, error);
}

/* Forget the links that are not among these any more. */
static void drop_links(struct ftun_divert *divert, const struct ftun_links *links)
{
    int kept = 0;
    for (int i = 0; i < divert->count; i++) {
        struct ftun_divert_link *const at = &divert->links[i];
        if (ftun_links_contain(links, &at->link))
            divert->links[kept++] = *at;
        else
            ftun_divert_unhook(&at->hooked);
    }
    divert->count = kept;
}

static bool has_link(const struct ftun_divert *divert, uint32_t index)
{
    for (int i = 0; i < divert->count; i++)
        if (divert->links[i].link.index == index)
            return true;
    return false;
}

static bool add_link(struct ftun_divert *divert, const struct ftun_link *link,
                     struct ftun_error *error)
{
    struct ftun_divert_link *const at = &divert->links[divert->count];
    at->link = *link;
    if (!hook_in_link(divert, at, error))
        return false;
    if (at->hooked.kind != FTUN_DIVERT_AUTO)
        divert->count++;
    return true;
}

bool ftun_divert_set_links(struct ftun_divert *divert, const struct ftun_links *links,
                           struct ftun_error *error)
{
    bool all = true;
    drop_links(divert, links);
    for (int i = 0; i < links->count; i++)
        if (!has_link(divert, links->at[i].index))
            all = add_link(divert, &links->at[i], error) && all;
    return all;
}

bool ftun_divert_set_addresses(struct ftun_divert *divert, const struct ftun_address *addresses,
                               size_t count, struct ftun_error *error)
{
    struct divert_address *const keys = calloc(count + 1, sizeof *keys);
    if (keys == NULL)
        return ftun_fail(error, "out of memory");
    for (size_t i = 0; i < count; i++)
        keys[i] = ftun_divert_address(&addresses[i]);
    const bool done = ftun_divert_set_replace(divert->object.addresses, keys, count, sizeof *keys);
    const int cause = errno;
    free(keys);
    return done || ftun_fail(error, "cannot tell the BPF programs the host's addresses: %s",
                             strerror(cause));
}

bool ftun_divert_set_remotes(struct ftun_divert *divert, const struct ftun_remotes *remotes,
                             struct ftun_error *error)
{
    struct divert_socket_address keys[FTUN_REMOTES_MAX];
    for (size_t i = 0; i < remotes->count; i++)
        keys[i] = ftun_divert_socket_address(&remotes->at[i]);
    return ftun_divert_set_replace(divert->object.remotes, keys, remotes->count, sizeof keys[0]) ||
           ftun_fail(error, "cannot tell the BPF programs the server's addresses: %s",
                     strerror(errno));
}

int ftun_divert_fd(const struct ftun_divert *divert)
{
    return ftun_divert_too_big_fd(divert->too_big);
}

void ftun_divert_take_too_big(struct ftun_divert *divert)
{
    ftun_divert_too_big_answer(divert->too_big, divert->tun);
}

/* The kernel counts on each processor for itself. */
static void sum_counts(const struct ftun_divert *divert, struct divert_counts *total)
{
    const uint32_t only = 0;
    const int processors = libbpf_num_possible_cpus();
    *total = (struct divert_counts){0};
    struct divert_counts *const each =
        processors > 0 ? calloc((size_t)processors, sizeof *each) : NULL;
    if (each != NULL && bpf_map_lookup_elem(divert->object.counts, &only, each) == 0)
        for (int cpu = 0; cpu < processors; cpu++)
            for (int i = 0; i < DIVERT_COUNTERS; i++)
                total->of[i] += each[cpu].of[i];
    free(each);
}

void ftun_divert_counters(const struct ftun_divert *divert, struct ftun_divert_counters *counters)
{
    struct divert_counts total;
    sum_counts(divert, &total);
    *counters = (struct ftun_divert_counters){
        .taken = total.of[DIVERT_TAKEN],
        .left = total.of[DIVERT_LEFT],
        .not_allowed = total.of[DIVERT_NOT_ALLOWED],
        .flood = total.of[DIVERT_FLOOD],
        .no_route = total.of[DIVERT_NO_ROUTE],
        .too_big = total.of[DIVERT_TOO_BIG],
        .not_ours = total.of[DIVERT_NOT_OURS],
    };
}

void ftun_divert_close(struct ftun_divert *divert)
{
    if (divert == NULL)
        return;
    for (int i = 0; i < divert->count; i++)
        ftun_divert_unhook(&divert->links[i].hooked);
    ftun_divert_unhook(&divert->on_tun);
    ftun_divert_too_big_close(divert->too_big);
    ftun_divert_object_close(&divert->object);
    free(divert);
}
