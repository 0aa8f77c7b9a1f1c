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

/* Read the whole capture, every packet cut to `snap` bytes (FTUN_NO_SNAP: as it is); events go to
 * `events` unless that is NULL. `pass` is overwritten; unless FTUN_REPLAY_FAILED or an unopened
 * capture, marked by `pass->intake.capture.pcap` NULL, it holds what ftun_pass_report() prints and
 * ftun_pass_free() frees. Any result but FTUN_REPLAY_OK comes with a reason. */
enum ftun_replay_exit ftun_pass_run(struct ftun_pass *pass,
                                    const struct ftun_replay_options *options, size_t snap,
                                    struct ftun_corpus *corpus, FILE *events,
                                    struct ftun_error *error);

void ftun_pass_free(struct ftun_pass *pass);

#endif
