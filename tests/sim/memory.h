/* Memory of the test programs: running out of it ends them. */
#ifndef FTUN_TESTS_SIM_MEMORY_H
#define FTUN_TESTS_SIM_MEMORY_H

#include <stddef.h>

/* `size` zero bytes, to be freed by free(). */
void *sim_allocate(size_t size);

/* `array` of *capacity elements of `size` bytes, with room for at least twice as many; *capacity
 * is changed. */
void *sim_grow(void *array, size_t *capacity, size_t size);

#endif
