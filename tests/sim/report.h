/* What a trial has to say: the first invariant that did not hold. */
#ifndef FTUN_TESTS_SIM_REPORT_H
#define FTUN_TESTS_SIM_REPORT_H

#include <stdbool.h>

struct sim_report {
    bool violated;
    char text[240];
};

/* Note what was violated, unless something was before: what follows a violation may be its
 * consequence. */
void sim_violated(struct sim_report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
