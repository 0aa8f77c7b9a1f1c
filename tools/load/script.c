#include "script.h"

#include "pattern.h"

/*
 * Tunnels and kernels glue datagrams of equal size together, up to one that differs. So half of all
 * stretches of the script have one size throughout but for their last datagram, and in the others
 * each has its own.
 */
enum { STRETCH = 32 };

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
        .content = pattern_slice(own),
        .length = draw(&script->sizes, even ? shared : own),
    };
}
