#ifndef LOAD_CREDIT_H
#define LOAD_CREDIT_H

#include "script.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * What the two ends of an exchange know of each other apart from the datagrams: how far each has
 * received. It lies in a file that both map, so that what limits a sender never depends on the path
 * under test.
 */

struct credit;

/** What both ends must agree on. */
struct credit_terms {
    uint64_t flows;
    uint64_t count;
    struct script script;
};

/** Make the file, for the listening end. Exits with a message when that fails. */
struct credit *credit_create(const char *path, const struct credit_terms *terms);

/**
 * Map the file of a listening end that is running. Returns null when there is none; exits with a
 * message when its terms are others.
 */
struct credit *credit_join(const char *path, const struct credit_terms *terms);

/** Let go of the file; the end that made it removes it. Null is fine. */
void credit_close(struct credit *credit);

/** All flows are introduced: both ends may begin. */
void credit_begin(struct credit *credit);

/** May they? */
bool credit_has_begun(const struct credit *credit);

/** The sender's word: so many datagrams of the flow have left. */
void credit_note_sent(struct credit *credit, enum direction direction, uint32_t flow,
                      uint64_t datagrams);

/** How many datagrams of the flow have left, by the sender's word. */
uint64_t credit_sent(const struct credit *credit, enum direction direction, uint32_t flow);

/** The receiver's word: what it has received of all flows, or given up, has cost so much in total.
 */
void credit_settle(struct credit *credit, enum direction direction, uint64_t cost);

/** What has been settled in that direction, in total. */
uint64_t credit_settled(const struct credit *credit, enum direction direction);

#endif
