#include "memory.h"

#include <stdio.h>
#include <stdlib.h>

static void *or_die(void *memory)
{
    if (memory != NULL)
        return memory;
    fputs("out of memory\n", stderr);
    exit(2);
}

void *sim_allocate(size_t size)
{
    return or_die(calloc(1, size));
}

void *sim_grow(void *array, size_t *capacity, size_t size)
{
    *capacity = *capacity == 0 ? 64 : 2 * *capacity;
    return or_die(realloc(array, *capacity * size));
}
