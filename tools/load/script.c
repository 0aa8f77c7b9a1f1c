#include "script.h"

#include "pattern.h"

/*
 * Tunnels and kernels glue datagrams of equal size together, up to one that differs. So half of all
 * stretches of the script have one size throughout but for their last datagram, and in the others
 * each has its own.
 */
enum { STRETCH = 32 };

/*
 * From one datagram's slice of the pattern to the next one's. Odd: 65,536 in a row have each
 * another slice, so that the judge never takes one for another. 2^16 divided by the golden ratio:
 * those of neighbours begin far apart (Knuth, The Art of Computer Programming 3, 6.4).
 */
enum { SLICE_STEP = 40503 };

static size_t draw(const struct size_range *sizes, uint64_t number)
{
    const uint64_t span = (uint64_t)sizes->most - sizes->least + 1;

    return sizes->least + (size_t)(((number >> 32) * span) >> 32);
}

struct line script_line(const struct script *script, enum direction direction, uint32_t flow,
                        uint64_t index)
{
    const uint64_t voice =
        pattern_mix(script->seed ^ pattern_mix((uint64_t)direction << 32 | flow));
    const uint64_t own = pattern_mix(voice ^ index);
    const uint64_t shared = pattern_mix(~voice ^ index / STRETCH);
    const bool even = (shared & 1) != 0 && index % STRETCH != STRETCH - 1;

    return (struct line){
        .content = pattern_slice(voice + index * SLICE_STEP),
        .length = draw(&script->sizes, even ? shared : own),
    };
}
