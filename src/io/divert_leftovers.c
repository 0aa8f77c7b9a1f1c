#include "divert_leftovers.h"

#include "divert_hook.h"
#include "filters.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char name_of_ours[] = "ftun_arrives:["; /* libbpf appends the program's number */

enum { MAPS_MAX = 64, FOUND_MAX = 64 };

/* Of one link. */
struct found {
    size_t count;
    struct ftun_filter at[FOUND_MAX];
};

/* The map with the TUN in it: the kernel has taken that out when its process died. */
static bool is_empty_tun_map(uint32_t id)
{
    struct bpf_map_info info = {0};
    uint32_t len = sizeof info, key;
    const int fd = bpf_map_get_fd_by_id(id);
    if (fd < 0)
        return false;
    const bool empty = bpf_obj_get_info_by_fd(fd, &info, &len) == 0 &&
                       info.type == BPF_MAP_TYPE_DEVMAP_HASH &&
                       bpf_map_get_next_key(fd, NULL, &key) != 0 && errno == ENOENT;
    close(fd);
    return empty;
}

static bool is_dead(uint32_t program)
{
    uint32_t maps[MAPS_MAX];
    struct bpf_prog_info info = {.nr_map_ids = MAPS_MAX, .map_ids = (uintptr_t)maps};
    uint32_t len = sizeof info;
    const int fd = bpf_prog_get_fd_by_id(program);
    if (fd < 0)
        return false;
    const bool known = bpf_obj_get_info_by_fd(fd, &info, &len) == 0;
    close(fd);
    for (uint32_t i = 0; known && i < info.nr_map_ids && i < MAPS_MAX; i++)
        if (is_empty_tun_map(maps[i]))
            return true;
    return false;
}

static void note_leftover(const struct ftun_filter *filter, void *context)
{
    struct found *const found = context;
    if (found->count < FOUND_MAX && is_dead(filter->program) &&
        strncmp(filter->name, name_of_ours, sizeof name_of_ours - 1) == 0)
        found->at[found->count++] = *filter;
}

static void clear_link(uint32_t link)
{
    struct found found = {0};
    ftun_filters_ingress(link, note_leftover, &found);
    for (size_t i = 0; i < found.count; i++)
        ftun_divert_unhook(&(struct ftun_divert_hooked){
            .kind = FTUN_DIVERT_CLSACT,
            .link = link,
            .handle = found.at[i].handle,
            .priority = found.at[i].priority,
            .program = found.at[i].program,
            .made_qdisc = true, /* by the one that has died, in all likelihood */
        });
}

void ftun_divert_leftovers_remove(void)
{
    struct ftun_error ignored;
    struct ftun_links *const links = malloc(sizeof *links);
    if (links != NULL && ftun_links_all(links, &ignored))
        for (int i = 0; i < links->count; i++)
            clear_link(links->at[i].index);
    free(links);
}
