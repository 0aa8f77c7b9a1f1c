#include "stamp.h"

#include "fail.h"
#include "pattern.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>

enum { MAGIC_MEASURED = 0x6674756e, MAGIC_WARM_UP = 0x7761726d };

uint32_t stamp_draw_flow(void)
{
    uint16_t name = 0;

    if (getrandom(&name, sizeof name, 0) != sizeof name)
        fail("no random numbers: %s", strerror(errno));
    return (uint32_t)name << 16;
}

static uint64_t identity(uint32_t flow, uint64_t sequence)
{
    return pattern_mix(sequence ^ ((uint64_t)flow << 32));
}

static uint32_t check_of(const struct stamp *stamp)
{
    const uint64_t rest = ((uint64_t)stamp->purpose << 32) | stamp->length;

    return (uint32_t)pattern_mix(identity(stamp->flow, stamp->sequence) ^ rest);
}

struct stamp stamp_make(enum stamp_purpose purpose, uint32_t flow, uint64_t sequence,
                        uint32_t length)
{
    struct stamp stamp = {
        .purpose = purpose == STAMP_WARM_UP ? MAGIC_WARM_UP : MAGIC_MEASURED,
        .flow = flow,
        .sequence = sequence,
        .length = length,
    };

    stamp.check = check_of(&stamp);
    return stamp;
}

const uint8_t *stamp_body(const struct stamp *stamp)
{
    return pattern_slice(identity(stamp->flow, stamp->sequence));
}

static bool is_stamp(const struct stamp *stamp)
{
    return (stamp->purpose == MAGIC_MEASURED || stamp->purpose == MAGIC_WARM_UP) &&
           stamp->length >= STAMP_BYTES && stamp->length <= PATTERN_SLICE_MOST &&
           stamp->check == check_of(stamp);
}

enum stamp_verdict stamp_verify(const uint8_t *datagram, size_t length, struct stamp *stamp)
{
    size_t shared;

    if (length < STAMP_BYTES)
        return STAMP_UNREADABLE;
    memcpy(stamp, datagram, STAMP_BYTES);
    if (!is_stamp(stamp))
        return STAMP_UNREADABLE;
    shared = length < stamp->length ? length : stamp->length;
    if (memcmp(datagram + STAMP_BYTES, stamp_body(stamp), shared - STAMP_BYTES) != 0)
        return STAMP_CORRUPTED;
    if (length < stamp->length)
        return STAMP_CUT;
    return length > stamp->length ? STAMP_MERGED : STAMP_INTACT;
}

enum stamp_purpose stamp_purpose(const struct stamp *stamp)
{
    return stamp->purpose == MAGIC_WARM_UP ? STAMP_WARM_UP : STAMP_MEASURED;
}
