/* One observed flow: what its two connections make of a segment. Inside of the observer. */
#ifndef FTUN_REPLAY_OBSERVED_FLOW_H
#define FTUN_REPLAY_OBSERVED_FLOW_H

#include "observer.h"

/* A segment of a flow on its way. */
struct ftun_passing {
    const struct ftun_packet *packet;
    enum ftun_message message; /* its payload, if it is ftun's own */
    struct ftun_observed_flow *flow;
    struct ftun_observed_end *from, *to;
    uint64_t number; /* of the frame */
    uint64_t now_ns;
};

/* Let it arrive: the verdict of the connection that receives it. Both connections and the flow's
 * numbers follow; what explains trouble is noted. */
enum ftun_refusal ftun_observed_segment(const struct ftun_passing *passing,
                                        struct ftun_findings *findings);

/* The flow's connections begin as if they had been there before: at a segment with ACK. */
void ftun_observed_join(const struct ftun_passing *passing);

#endif
