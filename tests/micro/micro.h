/* What the cases of the micro-benchmarks share: see README.md. */
#ifndef FTUN_TESTS_MICRO_H
#define FTUN_TESTS_MICRO_H

#include "address.h"

#include <stddef.h>

/* One case. `prepare`, which may be NULL, is not measured; `run` does the operation `times` times,
 * and measures what it does between micro_begin() and micro_end(). */
struct micro_case {
    const char *name;
    void (*prepare)(void);
    void (*run)(unsigned times);
    unsigned times; /* enough that one more or less does not count */
};

extern const struct micro_case wire_cases[];
extern const size_t wire_case_count;
extern const struct micro_case table_cases[];
extern const size_t table_case_count;
extern const struct micro_case endpoint_cases[];
extern const size_t endpoint_case_count;

void micro_begin(void);
void micro_end(void);

/* Says why and ends the program unless it holds: what is measured did what it should. */
void micro_check(bool holds, const char *claim);

/* Memory of this size, never freed; ends the program when there is none. */
void *micro_memory(size_t size);

/* The address of a host, one of many. */
struct ftun_address micro_host(uint32_t number);

#endif
