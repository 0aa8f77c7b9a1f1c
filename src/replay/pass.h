/* One pass over a capture: each packet is read and handed to the observer or the actor. */
#ifndef FTUN_REPLAY_PASS_H
#define FTUN_REPLAY_PASS_H

#include "corpus.h"
#include "progress.h"
#include "replay_options.h"
#include "report.h"

struct ftun_pass {
    const struct ftun_replay_options *options;
    struct ftun_intake intake;
    struct ftun_summary summary;
    struct ftun_observer observer; /* when that is the role */
    struct ftun_actor actor;       /* else */
    struct ftun_corpus *corpus;    /* NULL: none is written */
    struct ftun_progress progress;
};

/* Memory for passes as the options ask for them. False when there is none. */
bool ftun_pass_create(struct ftun_pass *pass, const struct ftun_replay_options *options);

/* Read the whole capture from the start, every packet cut to `snap` bytes (FTUN_NO_SNAP: as it is);
 * packets go to `corpus` and events to `events` too, unless they are NULL. What there is to report
 * is in `pass` until the next run, with FTUN_REPLAY_OK, and when `summary.broken` says that the
 * capture breaks off. Any result but FTUN_REPLAY_OK comes with a reason. */
enum ftun_replay_exit ftun_pass_run(struct ftun_pass *pass, size_t snap, struct ftun_corpus *corpus,
                                    FILE *events, struct ftun_error *error);

void ftun_pass_free(struct ftun_pass *pass);

#endif
