/* Two endpoints, one application at each side, and the packets between them, small enough to be
 * copied at each step of an exhaustive walk. Time stands still but for one step. */
#ifndef FTUN_TESTS_SIM_PAIR_H
#define FTUN_TESTS_SIM_PAIR_H

#include "endpoint.h"
#include "report.h"
#include "scenario.h"

#define PAIR_FLIGHT_MAX 8u  /* packets: what more is sent is lost */
#define PAIR_PACKET_MAX 96u /* bytes: a SYN with options, or a datagram of PAIR_DATAGRAM */
#define PAIR_DATAGRAM 8u
#define PAIR_NUMBERS_MAX 8u  /* datagrams of one side */
#define PAIR_FLOWS 4u        /* of one endpoint */
#define PAIR_ARENA_MAX 6400u /* bytes */

struct pair_packet {
    enum sim_side to;
    uint32_t len;
    uint8_t bytes[PAIR_PACKET_MAX];
};

enum pair_step_kind {
    PAIR_DELIVER, /* a packet in flight, any of them: that is reordering */
    PAIR_DROP,
    PAIR_DUPLICATE,
    PAIR_TIME_OUT,     /* time moves to the next deadline */
    PAIR_CLIENT_SENDS, /* its application: the first one opens the flow */
    PAIR_SERVER_SENDS,
    PAIR_CLIENT_CLOSES,
    PAIR_SERVER_CLOSES,
    PAIR_SERVER_DIES /* and comes back at once, and knows nothing */
};

struct pair_step {
    enum pair_step_kind kind;
    uint32_t packet; /* index in flight */
};

/* How often each may still happen. */
struct pair_budget {
    uint8_t sends[SIM_SIDES];
    uint8_t closes[SIM_SIDES];
    uint8_t duplicates;
    uint8_t deaths; /* of the server */
};

struct pair {
    uint64_t now_ns;
    struct ftun_endpoint *endpoints[SIM_SIDES]; /* inside `arenas` */
    struct pair_packet flight[PAIR_FLIGHT_MAX]; /* oldest first */
    uint32_t flight_count;
    struct pair_budget budget;
    uint8_t sent[SIM_SIDES];                      /* datagrams, numbered from 0 */
    uint8_t carried[SIM_SIDES][PAIR_NUMBERS_MAX]; /* times a datagram has been on its way */
    uint8_t delivered[SIM_SIDES][PAIR_NUMBERS_MAX];
    uint32_t flow[SIM_SIDES]; /* of an open flow, the one last opened or heard from; FTUN_NO_FLOW */
    _Alignas(16) uint8_t arenas[SIM_SIDES][PAIR_ARENA_MAX];
};

/* A rule that the walk itself breaks, to show that it would notice. */
enum pair_breakage {
    PAIR_UNBROKEN,
    PAIR_BREAK_DUPLICATE, /* a packet is doubled, and nobody notes it */
    PAIR_BREAK_LEAK,      /* flows are never idle for long enough to end */
    PAIR_BREAK_SILENCE,   /* when the network is perfect, the client still gets nothing */
    PAIR_BREAKAGES
};

/* What a walk uses: the pair where its endpoints live, which is never moved, and where violations
 * go. `trace`: print packets and actions. */
struct pair_walk {
    struct pair pair;
    struct sim_report report;
    struct ftun_actions actions;
    enum pair_breakage breakage;
    bool trace;
};

/* Nothing has been said yet. */
void pair_start(struct pair_walk *walk, const struct pair_budget *budget);

/* True when this step is possible now, and not the same as one for an earlier packet. */
bool pair_may(const struct pair_walk *walk, struct pair_step step);

/* Do a step that is possible. */
void pair_do(struct pair_walk *walk, struct pair_step step);

/* What must hold of each state by itself. */
void pair_check(struct pair_walk *walk);

/* From here on the network is perfect: packets arrive, in order. The client's application must be
 * heard and answered; then it closes, and of no flow may anything remain. Ends with a changed
 * pair. */
void pair_check_outlook(struct pair_walk *walk);

/* What the future of this state depends on, as a number: absolute times, IPv4 ids and counters are
 * left out. */
uint64_t pair_digest(const struct pair *pair);

/* One line for people. */
const char *pair_step_name(enum pair_step_kind kind);

#endif
