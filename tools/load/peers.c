#include "peers.h"

#include "fail.h"

#include <stdlib.h>

/* Slots for each flow, so that a path that changes addresses while flows begin does not fill the
 * table. */
enum { SLOTS_PER_FLOW = 8 };

struct peer {
    bool known;
    struct address address;
    uint32_t flow;
};

struct peers {
    size_t slot_count;
    size_t known;
    struct peer slots[];
};

struct peers *peers_new(uint64_t flows)
{
    const size_t slot_count = (size_t)flows * SLOTS_PER_FLOW;
    struct peers *peers = calloc(1, sizeof *peers + slot_count * sizeof peers->slots[0]);

    if (!peers)
        fail("out of memory for the addresses of flows");
    peers->slot_count = slot_count;
    return peers;
}

void peers_free(struct peers *peers)
{
    free(peers);
}

/* The slot of the address, or the free one where it belongs: there always is one. */
static size_t slot_of(const struct peers *peers, const struct address *address)
{
    size_t at = address_hash(address) % peers->slot_count;

    while (peers->slots[at].known && !address_equal(&peers->slots[at].address, address))
        at = (at + 1) % peers->slot_count;
    return at;
}

bool peers_learn(struct peers *peers, const struct address *address, uint32_t flow)
{
    struct peer *peer = &peers->slots[slot_of(peers, address)];

    if (!peer->known && peers->known >= peers->slot_count / 2)
        return false;
    peers->known += !peer->known;
    *peer = (struct peer){.known = true, .address = *address, .flow = flow};
    return true;
}

bool peers_find(const struct peers *peers, const struct address *address, uint32_t *flow)
{
    const struct peer *peer = &peers->slots[slot_of(peers, address)];

    *flow = peer->flow;
    return peer->known;
}
