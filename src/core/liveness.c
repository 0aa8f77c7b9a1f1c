#include "liveness.h"

#include "instant.h"

static uint64_t next_probe(const struct ftun_liveness *l)
{
    return ftun_instant_after(l->asked_at, FTUN_PROBE_FIRST << l->probes);
}

void ftun_liveness_probed(struct ftun_liveness *l, uint64_t now_ns)
{
    ftun_liveness_ask(l, now_ns);
    while (l->probes < FTUN_PROBES_MAX) {
        l->probes++;
        if (next_probe(l) > now_ns) /* those that a jump of the clock has skipped are left out */
            return;
    }
}

uint64_t ftun_liveness_probe_at(const struct ftun_liveness *l, const struct ftun_timeouts *timeouts)
{
    if (timeouts->dead_after_ns == FTUN_NEVER)
        return FTUN_NEVER;
    if (l->asked_at == FTUN_NEVER)
        return ftun_instant_after(l->heard_at, timeouts->keepalive_ns);
    return l->probes < FTUN_PROBES_MAX ? next_probe(l) : FTUN_NEVER;
}

uint64_t ftun_liveness_doubt_at(const struct ftun_liveness *l, const struct ftun_timeouts *timeouts)
{
    const bool may = l->asked_at != FTUN_NEVER && timeouts->dead_after_ns != FTUN_NEVER;
    return may ? ftun_instant_after(l->asked_at, FTUN_DOUBT_AFTER) : FTUN_NEVER;
}

uint64_t ftun_liveness_dead_at(const struct ftun_liveness *l, const struct ftun_timeouts *timeouts)
{
    return l->asked_at == FTUN_NEVER ? FTUN_NEVER
                                     : ftun_instant_after(l->asked_at, timeouts->dead_after_ns);
}

uint64_t ftun_liveness_idle_at(const struct ftun_liveness *l, const struct ftun_timeouts *timeouts)
{
    return ftun_instant_after(l->heard_at, timeouts->idle_ns);
}
