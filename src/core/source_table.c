#include "source_table.h"

#include "tuple_hash.h"

enum { IPV6_NETWORK = 8 /* bytes */ };

void ftun_source_table_init(struct ftun_source_table *table)
{
    for (uint32_t i = 0; i < table->bucket_count; i++)
        table->buckets[i] = FTUN_NO_SOURCE;
    for (uint32_t i = 0; i < table->capacity; i++) {
        table->sources[i] = (struct ftun_source){0};
        table->sources[i].next = i + 1 < table->capacity ? i + 1 : FTUN_NO_SOURCE;
    }
    table->free = table->capacity > 0 ? 0 : FTUN_NO_SOURCE;
}

static struct ftun_address network_of(const struct ftun_address *address)
{
    struct ftun_address network = *address;
    if (network.family == FTUN_IPV6)
        memset(network.bytes + IPV6_NETWORK, 0, sizeof network.bytes - IPV6_NETWORK);
    return network;
}

static uint32_t *bucket_of(const struct ftun_source_table *table,
                           const struct ftun_address *network)
{
    const struct ftun_socket_address hashed = {.ip = *network};
    const uint64_t hash = ftun_address_table_hash(&table->key, &hashed);
    return &table->buckets[hash & (table->bucket_count - 1)];
}

static uint32_t find(const struct ftun_source_table *table, const struct ftun_address *network)
{
    uint32_t source = *bucket_of(table, network);
    while (source != FTUN_NO_SOURCE &&
           !ftun_address_equal(&table->sources[source].network, network))
        source = table->sources[source].next;
    return source;
}

bool ftun_source_table_admits(const struct ftun_source_table *table,
                              const struct ftun_address *address)
{
    if (table->limit == 0)
        return true;
    const struct ftun_address network = network_of(address);
    const uint32_t source = find(table, &network);
    return source == FTUN_NO_SOURCE || table->sources[source].flows < table->limit;
}

static uint32_t add(struct ftun_source_table *table, const struct ftun_address *network)
{
    const uint32_t source = table->free;
    struct ftun_source *added = &table->sources[source];
    uint32_t *bucket = bucket_of(table, network);
    table->free = added->next;
    *added = (struct ftun_source){.network = *network, .next = *bucket};
    *bucket = source;
    return source;
}

uint32_t ftun_source_table_enter(struct ftun_source_table *table,
                                 const struct ftun_address *address)
{
    if (table->limit == 0)
        return FTUN_NO_SOURCE;
    const struct ftun_address network = network_of(address);
    uint32_t source = find(table, &network);
    if (source == FTUN_NO_SOURCE)
        source = add(table, &network);
    table->sources[source].flows++;
    return source;
}

void ftun_source_table_leave(struct ftun_source_table *table, uint32_t source)
{
    if (source == FTUN_NO_SOURCE || --table->sources[source].flows > 0)
        return;
    struct ftun_source *leaving = &table->sources[source];
    uint32_t *link = bucket_of(table, &leaving->network);
    while (*link != source)
        link = &table->sources[*link].next;
    *link = leaving->next;
    leaving->next = table->free;
    table->free = source;
}

/* Walks are bounded, so that a cycle ends them. */
bool ftun_source_table_valid(const struct ftun_source_table *table, uint32_t flows)
{
    uint32_t counted = 0;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < table->bucket_count; i++)
        for (uint32_t at = table->buckets[i]; at != FTUN_NO_SOURCE; at = table->sources[at].next) {
            if (at >= table->capacity || kept++ == table->capacity)
                return false;
            const struct ftun_source *source = &table->sources[at];
            if (source->flows == 0 || source->flows > table->limit ||
                find(table, &source->network) != at)
                return false;
            counted += source->flows;
        }
    uint32_t free = 0;
    for (uint32_t at = table->free; at != FTUN_NO_SOURCE; at = table->sources[at].next)
        if (at >= table->capacity || table->sources[at].flows != 0 || free++ == table->capacity)
            return false;
    return kept + free == table->capacity && counted == (table->limit == 0 ? 0 : flows);
}
