/* The unit of work: equal-sized datagrams of one flow, the last may be shorter. */
#ifndef FTUN_CORE_BURST_H
#define FTUN_CORE_BURST_H

#include <stddef.h>
#include <stdint.h>

struct ftun_slice {
    const uint8_t *data;
    size_t len; /* bytes */
};

/* The bytes of the datagrams, one after the other, lie in `slices`. Each slice begins with a
 * datagram and, but for the last, holds whole ones. */
struct ftun_burst {
    const struct ftun_slice *slices;
    size_t slice_count;
    size_t len;    /* bytes in all */
    size_t stride; /* bytes a datagram; 0 for one empty datagram */
};

/* How many datagrams `len` bytes are. */
static inline size_t ftun_datagram_count(size_t len, size_t stride)
{
    return stride == 0 ? 1 : (len + stride - 1) / stride;
}

/* Copy `len` bytes from `offset` on to `out`; offset + len is at most burst->len. */
void ftun_burst_copy(const struct ftun_burst *burst, size_t offset, size_t len, uint8_t *out);

/* The slices of `len` bytes, at least 1, from `offset` on, written to `out`, which has room for
 * burst->slice_count. Returns how many. */
size_t ftun_burst_range(const struct ftun_burst *burst, size_t offset, size_t len,
                        struct ftun_slice *out);

#endif
