#ifndef LOAD_PARTY_H
#define LOAD_PARTY_H

#include "address.h"
#include "judge.h"
#include "script.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * One of the two ends of an exchange. The connecting end has a socket for each flow, the listening
 * end one for all. An end sends a flow's datagrams in the order of the script, turn by turn for all
 * flows, while what the other end has not yet received stays within the window: then no buffer on
 * the way overflows, and whatever does not arrive was lost by the path.
 */

struct party_terms {
    bool listening;
    struct address address; /* to listen on, or to connect to */
    struct script script;
    uint64_t flows;
    uint64_t count;  /* datagrams in both directions together */
    uint64_t window; /* bytes, as party_cost() counts */
    /* Bytes: datagrams of so many and more, and shorter ones, may overtake each other, while each
     * kind stays in order. 0: all stay in order. */
    uint64_t overtaking;
    const char *credit_path;
};

/** What an end has sent and received so far. */
struct party_figures {
    uint64_t sent;
    uint64_t sent_bytes;
    uint64_t received;
    uint64_t received_bytes;
    uint64_t overtaken; /* by a later one, as the terms allow */
    uint64_t faults[FAULT_KINDS];
};

struct party;

/** Bytes that a datagram takes of the window: its own and what kernels add to keep it. */
uint64_t party_cost(size_t length);

/**
 * Open an end. Returns null when connecting and nobody listens yet. Exits with a message when the
 * kernel refuses or the other end has other terms. `terms` must stay valid.
 */
struct party *party_open(const struct party_terms *terms);

/** Release an end; null is fine. */
void party_close(struct party *party);

/** Say hello on all flows that the other end has not answered; the connecting end's task. */
void party_greet(struct party *party);

/** Have all flows been introduced to both ends? */
bool party_is_acquainted(struct party *party);

/** Receive for up to `patience_ns`, if there is nothing yet. */
void party_receive(struct party *party, uint64_t patience_ns);

/** Send some datagrams of the next flow. Returns false when there is nothing to send, or no window
 * for it. */
bool party_send(struct party *party);

/** Has everything been said and heard, at both ends? */
bool party_is_done(const struct party *party);

/** A number that grows as long as anything moves. */
uint64_t party_progress(const struct party *party);

/** Give up what has not come: count as lost what the other end has sent. */
void party_give_up(struct party *party);

/** The figures up to now; they stay valid and change with the party. */
const struct party_figures *party_figures(const struct party *party);

/** How many datagrams go in each direction: this end sends, and this end receives. */
uint64_t party_goal(const struct party_terms *terms, bool sending);

#endif
