#include "burst.h"
#include "prove.h"

#define SLICE 16u
#define SLICES 3u

static uint8_t data[SLICES][SLICE];

/* Three slices of 16, 16 and `last` bytes; the part of `len` bytes from `offset` on. */
static void copy_part(size_t last, size_t offset, size_t len)
{
    const struct ftun_slice slices[SLICES] = {
        {data[0], SLICE}, {data[1], SLICE}, {data[2] + SLICE - last, last}};
    const struct ftun_burst burst = {
        .slices = slices, .slice_count = SLICES, .len = 2 * SLICE + last, .stride = 8};
    uint8_t block[SLICES * SLICE];
    ftun_burst_copy(&burst, offset, len, block + sizeof block - len);
    if (len == 0)
        return;
    struct ftun_slice out[SLICES];
    const size_t count = ftun_burst_range(&burst, offset, len, out);
    //@ assert 1 <= count <= SLICES;
}

int main(void)
{
    any_bytes(data, sizeof data);
    //@ loop unroll 2 * SLICE + SLICE;
    for (size_t offset = 0; offset < 2 * SLICE + SLICE; offset++)
        //@ loop unroll 3 * SLICE + 1;
        for (size_t len = 0; offset + len <= 2 * SLICE + SLICE; len++)
            copy_part(SLICE, offset, len);
    copy_part(1, 0, 2 * SLICE + 1);
    const size_t stride = any_size(0, SIZE_MAX);
    ftun_datagram_count(any_size(0, SIZE_MAX), stride);
    return 0;
}
