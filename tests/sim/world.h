/* Two ends of a tunnel, their applications, and the network between them, in virtual time.
 *
 *     applications ── client end ── (NAT) ── network ── server end ── upstreams
 *
 * The ends are production's, driven as src/io/loop.c drives them: what arrives at one instant is
 * one turn; then what is due in time, then the acknowledgments. An upstream is the server's
 * application of one flow: there is a new one for each flow that opens. */
#ifndef FTUN_TESTS_SIM_WORLD_H
#define FTUN_TESTS_SIM_WORLD_H

#include "glue.h"
#include "network.h"

#define SIM_NOBODY UINT32_MAX

/* What an end knows of a flow that is open. */
struct sim_flow {
    bool open;
    uint32_t owner;        /* application of the client's, upstream of the server's; SIM_NOBODY */
    uint16_t mss;          /* bytes; 0: not established */
    uint16_t port;         /* of its connection, at this end */
    bool phantun;          /* speaks that dialect */
    uint64_t heard_at_ns;  /* when it last delivered, or was established */
    uint64_t failed_at_ns; /* when a connection of it last failed; FTUN_NEVER: none has */
    uint64_t used_at_ns;   /* when it last got or delivered a datagram, or was opened */
};

struct sim_end {
    enum sim_side side;
    struct ftun_endpoint_config config;
    struct ftun_endpoint *endpoint; /* NULL: dead */
    void *memory;
    struct sim_flow *flows; /* by number */
    struct sim_glue glue;
    uint64_t given; /* datagrams, since it came to life */
    uint32_t lives;
    bool touched;          /* in this turn */
    uint64_t turns;        /* in which it did something */
    bool closing;          /* all flows, in each turn */
    bool asleep;           /* its host is suspended */
    bool clock_stands;     /* meanwhile */
    uint64_t asleep_at_ns; /* since when */
    uint64_t uncounted_ns; /* of time by its clock */
};

struct sim_application {
    struct ftun_socket_address address;
    bool heard;    /* since the network is good, something it sent since has been delivered */
    bool answered; /* and something that was sent back since */
};

struct sim_upstream {
    uint32_t application; /* the one it speaks with, as far as known */
    uint32_t flow;
    uint32_t good_from; /* first datagram that was written in a good network */
    bool open;
    bool speaks; /* has an event in the agenda */
};

/* What is known of the client's dialing: dial.h. */
struct sim_dial {
    uint64_t full_at_ns;         /* when the allowance for SYNs is whole again */
    uint64_t heard_at_ns[65536]; /* by the client's port: when the server was last heard there */
};

struct sim_world {
    struct sim_scenario scenario;
    struct sim_report report;
    struct sim_agenda agenda;
    struct sim_ledger ledger;
    struct sim_network network;
    struct sim_random random;
    struct sim_dial dial;
    struct sim_end ends[SIM_SIDES];
    struct ftun_socket_address server;    /* where it is now */
    uint64_t moved_at_ns;                 /* when it has come there */
    struct sim_application *applications; /* scenario.applications; application i writes stream i */
    struct sim_upstream *upstreams;       /* upstream i writes stream applications + i */
    size_t upstream_count, upstream_capacity;
    uint32_t *good_from; /* of each application */
    struct ftun_actions actions;
    uint64_t refused[FTUN_REFUSAL_COUNT]; /* by ends that are dead, over all trials */
    uint64_t now_ns;
    uint64_t packets_max;    /* network.packets may not become more */
    bool good;               /* the network is */
    bool quiet;              /* applications say nothing more */
    bool excused;            /* there was a disaster, or a flow has ended: others may end of it */
    bool undisturbed;        /* all flows work, and nothing keeps them from it */
    bool trace;              /* print each event */
    uint32_t validate_every; /* turns of an end between two looks at the whole of its state */
    uint8_t burst[FTUN_IP_PACKET_MAX];
};

/* A world, with nothing in it. `trace`: print each packet and action, with its time.
 * `validate_every`: as above, at least 1. */
struct sim_world *sim_world_create(bool trace, uint32_t validate_every);
void sim_world_destroy(struct sim_world *world);

/* Begin: time 0, both ends alive, everybody about to speak. The rest of an earlier trial is
 * forgotten; its memory is used again. */
void sim_world_start(struct sim_world *world, const struct sim_scenario *scenario);

/* Let time pass up to `until_ns`, or up to a violation. */
void sim_world_run(struct sim_world *world, uint64_t until_ns);

/* From now on the network loses and alters nothing, nobody dies, and applications speak often. */
void sim_world_become_good(struct sim_world *world);

/* Parts of the world that look after themselves: */

/* An end dies: with it its memory of all flows; what it refused is added to world->refused. / It
 * comes to life, with a new key. */
void sim_end_kill(struct sim_world *world, struct sim_end *end);
void sim_end_revive(struct sim_world *world, struct sim_end *end);

/* Its host is suspended, and packets for it are lost; its clock counts the time, or stands still.
 * / It goes on. */
void sim_end_sleep(struct sim_world *world, struct sim_end *end, bool clock_stands);
void sim_end_wake(struct sim_world *world, struct sim_end *end);

/* When it wants to act next, by the world's clock; FTUN_NEVER. */
uint64_t sim_end_deadline(const struct sim_end *end);

/* The client's host has another address, and its endpoint is told; the old one is nobody's. */
void sim_world_move_client(struct sim_world *world);

/* The server dies, and comes to life at another address. Its name tells where. */
void sim_world_move_server(struct sim_world *world);

/* A disaster, at random; the next follows. */
void sim_world_suffer(struct sim_world *world);

/* Close a flow from this end; nothing when it is not open, or the end dead. */
void sim_end_close_flow(struct sim_world *world, struct sim_end *end, uint32_t flow);

/* Give a packet to an end, or hold it back to glue the next to it; it is then the world's no more.
 */
void sim_end_take(struct sim_world *world, struct sim_end *end, struct sim_packet *packet);

/* Give an end datagrams of `flow`, which lie in world->burst: `len` bytes in all. */
void sim_end_datagrams(struct sim_world *world, struct sim_end *end, uint32_t flow, size_t len,
                       size_t stride);

/* The client's flow of an application; SIM_NOBODY when it is refused. */
uint32_t sim_end_flow_of(struct sim_world *world, uint32_t application);

/* What ends each turn; what must hold at the end of each. */
void sim_end_finish_turn(struct sim_world *world, struct sim_end *end);

/* An application, or upstream, writes a burst. */
void sim_application_speak(struct sim_world *world, uint32_t application);
void sim_upstream_speak(struct sim_world *world, uint32_t upstream);

/* A flow has opened at the server: returns its upstream. / It has closed. */
uint32_t sim_upstream_open(struct sim_world *world, uint32_t flow);
void sim_upstream_close(struct sim_world *world, uint32_t upstream);

/* A datagram has been delivered to an application, or upstream. */
void sim_application_hear(struct sim_world *world, uint32_t application, struct sim_label label);
void sim_upstream_hear(struct sim_world *world, uint32_t upstream, struct sim_label label);

#endif
