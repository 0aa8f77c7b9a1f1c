/* What one seed means: two ends, their applications, and how bad the network between them is. */
#ifndef FTUN_TESTS_SIM_SCENARIO_H
#define FTUN_TESTS_SIM_SCENARIO_H

#include "endpoint.h"

enum sim_side { SIM_CLIENT, SIM_SERVER, SIM_SIDES };

static inline enum sim_side sim_other(enum sim_side side)
{
    return side == SIM_CLIENT ? SIM_SERVER : SIM_CLIENT;
}

/* How the network treats packets; chances are parts of SIM_CERTAIN. */
struct sim_quality {
    uint32_t loss, duplication, reordering, corruption, fragmentation;
    uint64_t delay_ns;  /* of each packet */
    uint64_t jitter_ns; /* at most, added to it */
    uint16_t mtu;       /* bytes */
    bool says_too_big;  /* by ICMP; else a black hole */
};

/* How a trial ends, after all applications have fallen silent. */
enum sim_ending {
    SIM_CLIENT_CLOSES,
    SIM_SERVER_CLOSES,
    SIM_BOTH_CLOSE,
    SIM_NOBODY_CLOSES, /* the idle timeout does */
    SIM_ENDINGS
};

/* A rule that the simulation itself breaks, to show that it would notice. */
enum sim_breakage {
    SIM_UNBROKEN,
    SIM_BREAK_CORRUPT,    /* an altered datagram is vouched for */
    SIM_BREAK_DUPLICATE,  /* a packet is handed over twice, and the ledger not told */
    SIM_BREAK_FORSAKE,    /* a flow ends with its connection */
    SIM_BREAK_HASTE,      /* the client dials anew for each burst */
    SIM_BREAK_IMPATIENCE, /* the client takes the server for dead before it may */
    SIM_BREAK_INVENT,     /* a datagram is delivered that nobody has sent */
    SIM_BREAK_KEEP,       /* no flow is ever idle */
    SIM_BREAK_LEAK,       /* a datagram is delivered to another application */
    SIM_BREAK_LIVENESS,   /* the client never finds out that the path is dead */
    SIM_BREAK_LOSE,       /* an end swallows a packet without counting it */
    SIM_BREAK_PROBES,     /* the server's acknowledgments are lost, all of them */
    SIM_BREAK_REORDER,    /* packets overtake each other, and the ledger is not told */
    SIM_BREAK_RESET,      /* a segment becomes a reset */
    SIM_BREAK_SILENCE,    /* the network stays bad for one application */
    SIM_BREAK_STORM,      /* the network repeats each packet for ever */
    SIM_BREAKAGES
};

/* The name that --break takes; NULL for SIM_UNBROKEN. */
const char *sim_breakage_name(enum sim_breakage breakage);

struct sim_scenario {
    uint64_t seed;
    enum ftun_family family;
    enum ftun_peer peer;      /* how the client speaks */
    bool timestamps;          /* the client offers them */
    bool offload[SIM_SIDES];  /* segmentation offload */
    bool glue;                /* receivers' kernels glue consecutive segments */
    bool partial_checksums;   /* left to be computed: kernels vouch for what arrives */
    bool host_resets;         /* the server's host answers when the server is dead */
    bool nat;                 /* in front of the client: it translates */
    bool strict;              /* what stands there knows its connections, and passes no other */
    uint16_t mtu;             /* that both ends believe in, bytes */
    uint64_t idle_timeout_ns; /* of both ends */
    uint32_t max_flows;       /* of either end */
    uint32_t max_flows_per_source; /* of the server; 0: no limit */
    uint32_t pending_slots;
    uint32_t reassembly_slots;
    uint32_t applications;
    uint32_t largest;           /* datagram of most bursts, bytes */
    uint32_t longest;           /* burst, datagrams */
    uint64_t speak_ns;          /* mean interval between the bursts of one application */
    uint32_t answer;            /* chance that a server's application answers a delivery */
    struct sim_quality quality; /* while it is bad */
    uint64_t quantum_ns;        /* packets arrive at multiples of this */
    uint64_t bad_ns;            /* how long it is bad */
    uint64_t outage_ns;         /* then the path is dead for so long */
    uint64_t disaster_ns;       /* mean interval between disasters; FTUN_NEVER: none */
    uint64_t stranger_ns;       /* mean interval between strangers' packets; FTUN_NEVER: none */
    bool resumes;               /* both ends: flows go on over new connections */
    enum sim_ending ending;
    enum sim_breakage breakage;
};

/* The scenario of a seed. */
void sim_scenario_draw(struct sim_scenario *scenario, uint64_t seed);

/* The least MTU that a path has here, bytes. */
uint16_t sim_least_mtu(enum ftun_family family);

/* The same network when it has become good: it loses and alters nothing. */
struct sim_quality sim_quality_good(const struct sim_scenario *scenario);

#endif
