/* Micro-benchmarks of the core. See README.md.
 *
 * usage: ftun-micro [CASE...]
 *
 * Prints nanoseconds for each operation; under callgrind (ci/micro) nothing, the instructions are
 * in its dumps, one for each case, which bear its name and how often it ran. */
#include "micro.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <valgrind/callgrind.h>

enum { REPETITIONS = 7 };

static bool counting;        /* instructions, not time */
static uint64_t measured_ns; /* so far */
static uint64_t began_ns;

static uint64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void micro_begin(void)
{
    if (counting)
        CALLGRIND_TOGGLE_COLLECT;
    else
        began_ns = clock_ns();
}

void micro_end(void)
{
    if (counting)
        CALLGRIND_TOGGLE_COLLECT;
    else
        measured_ns += clock_ns() - began_ns;
}

void micro_check(bool holds, const char *claim)
{
    if (holds)
        return;
    fprintf(stderr, "ftun-micro: it does not hold that %s\n", claim);
    exit(1);
}

void *micro_memory(size_t size)
{
    void *memory = malloc(size);
    micro_check(memory != NULL, "there is enough memory");
    return memory;
}

struct ftun_address micro_host(uint32_t number)
{
    return (struct ftun_address){
        .family = FTUN_IPV4,
        .bytes = {10, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number},
    };
}

/* The first time warms up: the dynamic linker, the caches, quick acknowledgments. */
static void count_instructions(const struct micro_case *c)
{
    char title[64];
    c->run(c->times);
    snprintf(title, sizeof title, "%s %u", c->name, c->times);
    CALLGRIND_START_INSTRUMENTATION;
    CALLGRIND_ZERO_STATS;
    c->run(c->times);
    CALLGRIND_DUMP_STATS_AT(title);
    CALLGRIND_STOP_INSTRUMENTATION;
}

/* What a measurement costs by itself. */
static uint64_t overhead_ns(void)
{
    enum { TIMES = 1000 };
    measured_ns = 0;
    for (int i = 0; i < TIMES; i++) {
        micro_begin();
        micro_end();
    }
    return measured_ns / TIMES;
}

/* The best of several: what disturbs a measurement only ever adds. The reading of the clock is
 * in it, once or `times` times, as it is measured. */
static void take_time(const struct micro_case *c)
{
    uint64_t best = UINT64_MAX;
    c->run(c->times);
    for (int i = 0; i < REPETITIONS; i++) {
        measured_ns = 0;
        c->run(c->times);
        best = measured_ns < best ? measured_ns : best;
    }
    printf("%-24s %10.1f ns\n", c->name, (double)best / c->times);
    fflush(stdout);
}

static void measure(const struct micro_case *c)
{
    if (c->prepare != NULL)
        c->prepare();
    if (counting)
        count_instructions(c);
    else
        take_time(c);
}

static bool wanted(const char *name, int count, char **names)
{
    for (int i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return count == 0;
}

static size_t measure_wanted(const struct micro_case *cases, size_t case_count, int count,
                             char **names)
{
    size_t done = 0;
    for (size_t i = 0; i < case_count; i++) {
        if (!wanted(cases[i].name, count, names))
            continue;
        measure(&cases[i]);
        done++;
    }
    return done;
}

int main(int argc, char **argv)
{
    counting = RUNNING_ON_VALGRIND != 0;
    if (!counting)
        printf("the clock itself costs %llu ns where each operation is measured alone\n",
               (unsigned long long)overhead_ns());
    const size_t done = measure_wanted(wire_cases, wire_case_count, argc - 1, argv + 1) +
                        measure_wanted(table_cases, table_case_count, argc - 1, argv + 1) +
                        measure_wanted(endpoint_cases, endpoint_case_count, argc - 1, argv + 1);
    if (done > 0 && (argc == 1 || done == (size_t)argc - 1))
        return 0;
    fputs("ftun-micro: no such case\n", stderr);
    return 2;
}
