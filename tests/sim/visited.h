/* The states that a depth-first walk has seen, and how deep it went from each. */
#ifndef FTUN_TESTS_SIM_VISITED_H
#define FTUN_TESTS_SIM_VISITED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct visited_entry {
    uint64_t digest; /* 0: free */
    uint64_t depth;  /* steps that were looked ahead */
};

struct visited {
    struct visited_entry *entries;
    size_t count, capacity; /* a power of two, at most three quarters used */
};

enum visited_news {
    VISITED_NEW,    /* never seen */
    VISITED_DEEPER, /* seen, but not as deep as now */
    VISITED_OLD     /* there is nothing more to see */
};

/* Note a state from which the walk goes `depth` steps on. */
enum visited_news visited_note(struct visited *visited, uint64_t digest, uint64_t depth);

void visited_free(struct visited *visited);

#endif
