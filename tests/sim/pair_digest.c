/* Which states are the same. It looks inside the endpoints, and is the only one here that does:
 * a field forgotten here makes the walk miss states, so all are listed, with a reason for those
 * that are left out. */
#include "cookie.h"
#include "endpoint_state.h"
#include "pair.h"

/* Numbers, to be hashed. */
struct digest {
    size_t count;
    uint64_t numbers[256];
};

static void add(struct digest *digest, uint64_t number)
{
    digest->numbers[digest->count++] = number;
}

/* A point in time: how far ahead it is; all that has passed is alike. */
static void add_ahead(struct digest *digest, uint64_t at_ns, uint64_t now_ns)
{
    add(digest, at_ns == FTUN_NEVER ? FTUN_NEVER : at_ns > now_ns ? at_ns - now_ns : 0);
}

static void add_tuple(struct digest *digest, const struct ftun_tuple *tuple)
{
    /* the addresses are always the same */
    add(digest, (uint64_t)tuple->local.port << 16 | tuple->remote.port);
}

/* Left out: profile and seed (one), ip_id (nobody looks at it), timestamps (there are none);
 * progress_at and the receive window (matter when it is full, which takes more than a few
 * datagrams), rcv_left (the same, of jumps ahead), sent_at (matters towards Phantun). */
static void add_connection(struct digest *digest, const struct ftun_connection *c, uint64_t now_ns)
{
    add(digest, now_ns - c->liveness.heard_at);
    add(digest, c->liveness.asked_at == FTUN_NEVER ? FTUN_NEVER : now_ns - c->liveness.asked_at);
    add(digest, c->liveness.probes);
    add_ahead(digest, c->retransmit_at, now_ns);
    add_ahead(digest, c->ack_at, now_ns);
    add_ahead(digest, c->challenge_after, now_ns);
    add_ahead(digest, c->data_at + FTUN_DELAYED_ACK, now_ns); /* until when data are an answer */
    add(digest, (uint64_t)c->snd_una << 32 | c->snd_nxt);
    add(digest, (uint64_t)c->snd_max << 32 | c->snd_edge);
    add(digest, (uint64_t)c->una_recent << 32 | c->una_oldest);
    add_ahead(digest, c->una_marked_at + 2 * FTUN_ACK_MEMORY, now_ns);
    add(digest, (uint64_t)c->rcv_nxt << 32 | (uint32_t)c->mss << 16 | c->state);
    add(digest, (uint64_t)c->unacknowledged << 32 | (uint32_t)c->retries << 24 |
                    (uint32_t)c->quick_acks << 16 | (uint32_t)c->peer_window_scale << 8 |
                    (uint32_t)c->ack_due << 1 | c->peer_named_mss);
}

/* Left out: the application (one), chains of the tables (that of being heard matters when
 * the table is full), next_in_turn (the turn has ended), stranded (the path stays). */
static void add_flow(struct digest *digest, const struct ftun_endpoint *ep, uint32_t flow,
                     uint64_t now_ns)
{
    const struct ftun_flow *f = &ep->table.flows[flow];
    add(digest, flow);
    add_tuple(digest, &f->tuple);
    add_connection(digest, &f->connection, now_ns);
    add_ahead(digest, ep->deadlines.heap[ep->deadlines.position[flow]].at_ns, now_ns);
    add(digest, (uint64_t)f->pending.count << 2 | (uint32_t)f->open << 1 | f->dialects);
    add(digest, (uint64_t)f->failures << 16 | (uint32_t)f->rivals << 8 | f->path);
    add(digest, f->rival);
    add_ahead(digest, f->rival_after, now_ns);
    add(digest, now_ns - f->used_at);
    add(digest, now_ns - f->dialed_at);
}

/* Left out: configuration and keys (constant), counters (nobody acts on them), reassembly (no
 * slots), the limit of answers (a thousand a second is out of reach). */
static void add_endpoint(struct digest *digest, const struct ftun_endpoint *ep, uint64_t now_ns)
{
    for (uint32_t i = 0; i < ep->table.begun; i++)
        if (ep->table.flows[i].in_use)
            add_flow(digest, ep, i, now_ns);
    add(digest, FTUN_NO_FLOW);
    add(digest, ep->table.begun);
    add(digest, ep->table.free);
    add(digest, ep->draws);
}

/* A packet: all but its IPv4 header, which is constant but for id and length, and the checksum. */
static void add_packet(struct digest *digest, const struct pair_packet *packet)
{
    const uint8_t *tcp = packet->bytes + FTUN_IPV4_HEADER_MIN;
    const size_t len = packet->len - FTUN_IPV4_HEADER_MIN;
    const struct ftun_hash_key key = {.bytes = {1}};
    const uint64_t head = ftun_siphash(&key, tcp, FTUN_TCP_CHECKSUM_OFFSET);
    const uint64_t tail =
        ftun_siphash(&key, tcp + FTUN_TCP_CHECKSUM_OFFSET + 2, len - FTUN_TCP_CHECKSUM_OFFSET - 2);
    add(digest, head ^ (tail << 1 | tail >> 63));
}

static void add_script(struct digest *digest, const struct pair *pair)
{
    const struct pair_budget *budget = &pair->budget;
    add(digest, (uint64_t)budget->deaths << 40 | (uint64_t)budget->duplicates << 32 |
                    (uint32_t)budget->sends[0] << 24 | (uint32_t)budget->sends[1] << 16 |
                    (uint32_t)budget->closes[0] << 8 | budget->closes[1]);
    for (unsigned side = 0; side < SIM_SIDES; side++) {
        add(digest, (uint64_t)pair->sent[side] << 32 | pair->flow[side]);
        for (unsigned i = 0; i < PAIR_NUMBERS_MAX; i++)
            add(digest, (uint64_t)(pair->carried[side][i] - pair->delivered[side][i]));
    }
}

uint64_t pair_digest(const struct pair *pair)
{
    const struct ftun_hash_key key = {.bytes = {2}};
    struct digest digest;
    digest.count = 0;
    add_endpoint(&digest, pair->endpoints[SIM_CLIENT], pair->now_ns);
    add_endpoint(&digest, pair->endpoints[SIM_SERVER], pair->now_ns);
    for (uint32_t i = 0; i < pair->flight_count; i++)
        add_packet(&digest, &pair->flight[i]);
    add_script(&digest, pair);
    add(&digest, pair->now_ns / FTUN_COOKIE_EPOCH);
    return ftun_siphash(&key, (const uint8_t *)digest.numbers,
                        digest.count * sizeof digest.numbers[0]);
}
