/* Whether the other end still answers: judged by what is received, never by what is sent.
 *
 * Whatever wants an answer (data, which a peer acknowledges within a delayed ACK and a round trip,
 * or a keepalive probe) asks. The first acceptable segment after that answers, whatever it is. What
 * was asked and has no answer is asked again by probes, ever more rarely, since the datagram or its
 * acknowledgment may just have been lost; and after a time it makes the path doubtful, then dead.
 * Nothing was asked and nothing comes: one keepalive probe now and then asks (RFC 9293 3.8.4). */
#ifndef FTUN_CORE_LIVENESS_H
#define FTUN_CORE_LIVENESS_H

#include "limits.h"

#include <stdbool.h>

/* How long a connection waits for what. */
struct ftun_timeouts {
    uint64_t idle_ns;      /* nothing received: close; FTUN_NEVER */
    uint64_t keepalive_ns; /* nothing received: probe; FTUN_NEVER: no probe of an idle connection */
    uint64_t dead_after_ns; /* asked and not answered: the path is dead; FTUN_NEVER: never, and no
                             * probe at all */
};

struct ftun_liveness {
    uint64_t heard_at; /* ns: last acceptable segment received */
    uint64_t asked_at; /* ns: the first that asked since then; FTUN_NEVER */
    uint8_t probes;    /* sent since then */
};

static inline void ftun_liveness_heard(struct ftun_liveness *l, uint64_t now_ns)
{
    *l = (struct ftun_liveness){.heard_at = now_ns, .asked_at = FTUN_NEVER};
}

/* Something that wants an answer is sent. */
static inline void ftun_liveness_ask(struct ftun_liveness *l, uint64_t now_ns)
{
    if (l->asked_at == FTUN_NEVER)
        l->asked_at = now_ns;
}

/* A probe is sent. */
void ftun_liveness_probed(struct ftun_liveness *l, uint64_t now_ns);

/* What was asked wants no answer any more. */
static inline void ftun_liveness_waive(struct ftun_liveness *l)
{
    *l = (struct ftun_liveness){.heard_at = l->heard_at, .asked_at = FTUN_NEVER};
}

/* When the next probe is due; FTUN_NEVER. */
uint64_t ftun_liveness_probe_at(const struct ftun_liveness *l,
                                const struct ftun_timeouts *timeouts);

/* When the path is to be held for doubtful: worth trying another beside it; FTUN_NEVER. */
uint64_t ftun_liveness_doubt_at(const struct ftun_liveness *l,
                                const struct ftun_timeouts *timeouts);

/* When the path is to be held for dead; FTUN_NEVER. */
uint64_t ftun_liveness_dead_at(const struct ftun_liveness *l, const struct ftun_timeouts *timeouts);

/* When nothing has been received for the idle timeout; FTUN_NEVER. */
uint64_t ftun_liveness_idle_at(const struct ftun_liveness *l, const struct ftun_timeouts *timeouts);

#endif
