#include "host_tcp.h"

#include <stdio.h>

enum { TEXT_MAX = 96, UNSCALED_BITS = 15 };

/* tcp_select_initial_window(): the scale that lets 16 bits express most of the largest buffer. */
static uint8_t window_scale(unsigned long largest_buffer)
{
    uint8_t scale = 0;
    while (scale < FTUN_WINDOW_SCALE_MAX && largest_buffer >> (UNSCALED_BITS + 1 + scale) != 0)
        scale++;
    return scale;
}

struct ftun_host ftun_host_tcp_of(const char *tcp_rmem, const char *rmem_max)
{
    struct ftun_host host = {0};
    unsigned long least, first, largest, limit;
    if (sscanf(tcp_rmem, "%lu %lu %lu", &least, &first, &largest) != 3)
        return host;
    if (sscanf(rmem_max, "%lu", &limit) == 1 && limit > largest)
        largest = limit;
    host.receive_space = (uint32_t)(first / 2); /* the rest is for overhead: tcp_win_from_space() */
    host.window_scale = window_scale(largest);
    return host;
}

static void read_line(const char *path, char text[TEXT_MAX])
{
    text[0] = '\0';
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return;
    if (fgets(text, TEXT_MAX, file) == NULL)
        text[0] = '\0';
    fclose(file);
}

struct ftun_host ftun_host_tcp(void)
{
    char tcp_rmem[TEXT_MAX], rmem_max[TEXT_MAX];
    read_line("/proc/sys/net/ipv4/tcp_rmem", tcp_rmem);
    read_line("/proc/sys/net/core/rmem_max", rmem_max);
    return ftun_host_tcp_of(tcp_rmem, rmem_max);
}
