/* The report of a replay: for people, or as JSON. Both in an order that depends on the capture
 * alone. */
#ifndef FTUN_REPLAY_REPORT_H
#define FTUN_REPLAY_REPORT_H

#include "actor.h"
#include "observer.h"

struct ftun_report {
    const struct ftun_summary *summary;
    const struct ftun_observer *observer; /* NULL: an actor has played */
    const struct ftun_actor *actor;       /* NULL: an observer has watched */
};

/* The parts that other summaries print too. */
void ftun_report_refused(FILE *out, const struct ftun_summary *summary);

/* Print all of it. */
void ftun_report_text(FILE *out, const struct ftun_report *report);

/* The same as one JSON object. False without memory. */
bool ftun_report_json(FILE *out, const struct ftun_report *report);

/* How a flow ended, in words that end before the address of `*by`, NULL when nobody did it. */
const char *ftun_report_end(const struct ftun_observed_flow *flow, uint64_t now_ns,
                            const struct ftun_socket_address **by);

#endif
