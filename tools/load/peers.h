#ifndef LOAD_PEERS_H
#define LOAD_PEERS_H

#include "address.h"

#include <stdbool.h>
#include <stdint.h>

/** Which flow comes from which address. A flow may have several, an address has one flow. */
struct peers;

/** Room for `flows` flows; exits with a message when there is no memory. */
struct peers *peers_new(uint64_t flows);

/** Release it; null is fine. */
void peers_free(struct peers *peers);

/** From now on `flow` comes from `address`. Returns false when there is no room for more addresses.
 */
bool peers_learn(struct peers *peers, const struct address *address, uint32_t flow);

/** Which flow comes from there? Returns false when none is known. */
bool peers_find(const struct peers *peers, const struct address *address, uint32_t *flow);

#endif
