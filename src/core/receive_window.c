#include "receive_window.h"

/* The largest that can be expressed. */
static uint32_t limit(const struct ftun_receive_window *window)
{
    return UINT32_C(65535) << window->scale;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t expressible(const struct ftun_receive_window *window, uint32_t bytes)
{
    const uint32_t unit = UINT32_C(1) << window->scale;
    const uint32_t within = smaller(bytes, limit(window));
    return (within + (unit - 1)) / unit * unit;
}

struct ftun_receive_window ftun_receive_window_open(uint32_t first, uint8_t scale)
{
    struct ftun_receive_window window = {.grown = first, .scale = scale};
    window.size = expressible(&window, first);
    return window;
}

void ftun_receive_window_moved(struct ftun_receive_window *window, uint32_t len)
{
    if (window->grown >= FTUN_WINDOW_MAX || len < FTUN_WINDOW_GROWS_FROM)
        return;
    window->grown += FTUN_WINDOW_GROWTH * smaller(len, FTUN_WINDOW_MAX / FTUN_WINDOW_GROWTH);
    window->size = expressible(window, smaller(window->grown, FTUN_WINDOW_MAX));
}

uint16_t ftun_receive_window_field(const struct ftun_receive_window *window)
{
    return (uint16_t)(window->size >> window->scale);
}

bool ftun_receive_window_valid(const struct ftun_receive_window *window)
{
    return window->scale <= FTUN_WINDOW_SCALE_MAX && window->size <= limit(window) &&
           window->size == expressible(window, window->size);
}
