/* What a tunnel does, as log lines: flows that come and go, refusals, totals. */
#ifndef FTUN_FTUN_JOURNAL_H
#define FTUN_FTUN_JOURNAL_H

#include "loop.h"

struct ftun_journal;

/* What a worker has counted, or several in all. */
struct ftun_figures {
    struct ftun_counters endpoint;
    struct ftun_io_counters io;
    struct ftun_divert_counters divert; /* of one worker: those of the others have none */
};

/* Of worker `worker` of `workers`. `listener` is the client's, NULL for a server. NULL without
 * memory. */
struct ftun_journal *ftun_journal_create(enum ftun_role role, uint32_t worker, uint32_t workers,
                                         const struct ftun_endpoint *endpoint,
                                         const struct ftun_listener *listener);
void ftun_journal_destroy(struct ftun_journal *journal);

/* The observer to give to a loop; the journal outlives it. */
struct ftun_observer ftun_journal_observer(struct ftun_journal *journal);

/* The loop whose counters are told too, and the attachment: NULL, except for one of the workers. */
void ftun_journal_follow(struct ftun_journal *journal, const struct ftun_loop *loop,
                         const struct ftun_attachment *attachment);

/* What has been counted so far. */
struct ftun_figures ftun_journal_figures(const struct ftun_journal *journal);

/* Add `more` to `sum`. */
void ftun_figures_add(struct ftun_figures *sum, const struct ftun_figures *more);

/* Write all figures that are not zero, as one line each. */
void ftun_figures_tell(const struct ftun_figures *figures);

#endif
