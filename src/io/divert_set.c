#include "divert_set.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

static bool contains(const void *keys, size_t count, size_t size, const uint8_t *key)
{
    for (size_t i = 0; i < count; i++)
        if (memcmp((const uint8_t *)keys + i * size, key, size) == 0)
            return true;
    return false;
}

static bool add(int fd, const void *keys, size_t count, size_t size)
{
    const uint8_t yes = 1;
    for (size_t i = 0; i < count; i++)
        if (bpf_map_update_elem(fd, (const uint8_t *)keys + i * size, &yes, BPF_ANY) != 0)
            return false;
    return true;
}

bool ftun_divert_set_replace(int fd, const void *keys, size_t count, size_t size)
{
    uint8_t key[FTUN_DIVERT_KEY_MAX], kept[FTUN_DIVERT_KEY_MAX];
    const uint8_t *previous = NULL; /* the walk goes on behind a key that is still there */
    if (!add(fd, keys, count, size))
        return false;
    while (bpf_map_get_next_key(fd, previous, key) == 0) {
        if (contains(keys, count, size, key)) {
            memcpy(kept, key, size);
            previous = kept;
        } else if (bpf_map_delete_elem(fd, key) != 0) {
            return false;
        }
    }
    return errno == ENOENT;
}
