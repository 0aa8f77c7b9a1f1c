#include "sweep.h"

#include <string.h>

/* Bytes */
enum { HEADERS = 128, TAIL = 64, STEPS = 64 };

size_t ftun_sweep_next(size_t snap, size_t longest)
{
    if (snap < HEADERS || snap + TAIL >= longest)
        return snap + 1;
    const size_t tail = longest - TAIL;
    const size_t step = (longest - HEADERS) / STEPS + 1;
    return snap + step < tail ? snap + step : tail;
}

static void add_summary(struct ftun_summary *sum, const struct ftun_summary *summary)
{
    sum->frames += summary->frames;
    sum->broken = summary->broken;
    for (unsigned r = 1; r < FTUN_REFUSAL_COUNT; r++)
        ftun_tally_add(&sum->refused[r], summary->refused[r].first, summary->refused[r].count);
}

static void print_summary(FILE *out, const struct ftun_summary *sum, size_t passes, size_t longest)
{
    fprintf(out, "%zu lengths from 0 to %zu bytes, %llu packets\n", passes, longest,
            (unsigned long long)sum->frames);
    ftun_report_refused(out, sum);
}

enum ftun_replay_exit ftun_sweep(struct ftun_pass *pass, FILE *out, struct ftun_error *error)
{
    struct ftun_summary sum = {0};
    size_t passes = 0;
    size_t longest = 0;
    enum ftun_replay_exit result = FTUN_REPLAY_OK;
    for (size_t snap = 0; snap <= longest; snap = ftun_sweep_next(snap, longest)) {
        result = ftun_pass_run(pass, snap, NULL, NULL, error);
        longest = pass->intake.longest;
        add_summary(&sum, &pass->summary);
        passes++;
        if (result != FTUN_REPLAY_OK && !pass->summary.broken)
            return result;
    }
    print_summary(out, &sum, passes, longest);
    return result;
}
