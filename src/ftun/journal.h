/* What a tunnel does, as log lines: flows that come and go, refusals, totals. */
#ifndef FTUN_FTUN_JOURNAL_H
#define FTUN_FTUN_JOURNAL_H

#include "loop.h"

struct ftun_journal;

/* `listener` is the client's, NULL for a server. NULL without memory. */
struct ftun_journal *ftun_journal_create(enum ftun_role role, const struct ftun_endpoint *endpoint,
                                         const struct ftun_listener *listener);
void ftun_journal_destroy(struct ftun_journal *journal);

/* The observer to give to a loop; the journal outlives it. */
struct ftun_observer ftun_journal_observer(struct ftun_journal *journal);

/* The loop whose counters are told too. */
void ftun_journal_follow(struct ftun_journal *journal, const struct ftun_loop *loop);

/* Write all counters that are not zero, as one line each. */
void ftun_journal_totals(const struct ftun_journal *journal);

#endif
