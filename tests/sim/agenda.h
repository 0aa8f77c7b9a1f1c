/* What is to happen, in virtual time: a binary heap, earliest first; at one time in the order in
 * which it was entered. */
#ifndef FTUN_TESTS_SIM_AGENDA_H
#define FTUN_TESTS_SIM_AGENDA_H

#include <stddef.h>
#include <stdint.h>

struct sim_packet;

enum sim_event_kind {
    SIM_PACKET_ARRIVES,
    SIM_APPLICATION_SPEAKS, /* index: of the application */
    SIM_UPSTREAM_SPEAKS,    /* index: of the upstream */
    SIM_STRANGER_SPEAKS,
    SIM_DISASTER,
    SIM_END_REVIVES,  /* index: enum sim_side */
    SIM_END_WAKES,    /* the same */
    SIM_NAME_RESOLVED /* the server's, as the client has asked for */
};

struct sim_event {
    uint64_t at_ns;
    uint64_t order;
    struct sim_packet *packet;
    uint32_t index;
    enum sim_event_kind kind;
};

struct sim_agenda {
    struct sim_event *heap; /* grows as needed; kept from trial to trial */
    size_t count, capacity;
    uint64_t order;
};

void sim_agenda_add(struct sim_agenda *agenda, uint64_t at_ns, enum sim_event_kind kind,
                    uint32_t index, struct sim_packet *packet);

/* When the first event is due; FTUN_NEVER. */
uint64_t sim_agenda_next(const struct sim_agenda *agenda);

/* Take the first event; there must be one. */
struct sim_event sim_agenda_take(struct sim_agenda *agenda);

#endif
