#include "burst.h"

#include <string.h>

/* The part of `slice`, which starts at byte `start` of its burst, inside [offset, end). */
static struct ftun_slice overlap(const struct ftun_slice *slice, size_t start, size_t offset,
                                 size_t end)
{
    const size_t from = offset > start ? offset - start : 0;
    const size_t to = end < start + slice->len ? end - start : slice->len;
    return (struct ftun_slice){.data = slice->data + from, .len = to - from};
}

size_t ftun_burst_range(const struct ftun_burst *burst, size_t offset, size_t len,
                        struct ftun_slice *out)
{
    const size_t end = offset + len;
    size_t count = 0;
    size_t start = 0;
    for (size_t i = 0; i < burst->slice_count && start < end; i++) {
        const struct ftun_slice *slice = &burst->slices[i];
        if (start + slice->len > offset)
            out[count++] = overlap(slice, start, offset, end);
        start += slice->len;
    }
    return count;
}

void ftun_burst_copy(const struct ftun_burst *burst, size_t offset, size_t len, uint8_t *out)
{
    const size_t end = offset + len;
    size_t start = 0;
    for (size_t i = 0; i < burst->slice_count && start < end; i++) {
        const struct ftun_slice *slice = &burst->slices[i];
        if (start + slice->len > offset) {
            const struct ftun_slice part = overlap(slice, start, offset, end);
            memcpy(out, part.data, part.len);
            out += part.len;
        }
        start += slice->len;
    }
}
