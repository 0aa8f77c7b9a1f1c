#include "prove.h"
#include "source_table.h"

#define SOURCES 4u
#define BUCKETS 2u

static struct ftun_source sources[SOURCES];
static uint32_t buckets[BUCKETS];

static uint32_t any_source(void)
{
    return (uint32_t)any_size(0, SOURCES - 1);
}

static uint32_t any_link(void)
{
    return any_bool() ? any_source() : FTUN_NO_SOURCE;
}

static struct ftun_address any_address(void)
{
    struct ftun_address address;
    any_bytes(&address, sizeof address);
    return address;
}

/* Of ftun_source_table_valid() only that numbers are those of sources: whatever the chains. */
static struct ftun_source_table any_table(void)
{
    struct ftun_source_table table = {
        .sources = sources,
        .buckets = buckets,
        .capacity = SOURCES,
        .bucket_count = BUCKETS,
        .free = any_link(),
        .limit = any_u32(),
    };
    any_bytes(&table.key, sizeof table.key);
    //@ loop unroll SOURCES;
    for (uint32_t i = 0; i < SOURCES; i++)
        sources[i] =
            (struct ftun_source){.network = any_address(), .flows = any_u32(), .next = any_link()};
    //@ loop unroll BUCKETS;
    for (uint32_t i = 0; i < BUCKETS; i++)
        buckets[i] = any_link();
    return table;
}

static void check(const struct ftun_source_table *table)
{
    //@ assert table->free < SOURCES || table->free == FTUN_NO_SOURCE;
    //@ loop unroll BUCKETS;
    for (uint32_t i = 0; i < BUCKETS; i++) {
        //@ assert buckets[i] < SOURCES || buckets[i] == FTUN_NO_SOURCE;
    }
    //@ loop unroll SOURCES;
    for (uint32_t i = 0; i < SOURCES; i++) {
        //@ assert sources[i].next < SOURCES || sources[i].next == FTUN_NO_SOURCE;
    }
    ftun_source_table_valid(table, any_u32());
}

static void begin(void)
{
    struct ftun_source_table table = any_table();
    table.capacity = (uint32_t)any_size(0, SOURCES);
    ftun_source_table_init(&table);
    check(&table);
}

/* A source is free for each flow that there may be. */
static void flow_begins(void)
{
    struct ftun_source_table table = any_table();
    const struct ftun_address address = any_address();
    ftun_source_table_admits(&table, &address);
    table.free = any_source();
    const uint32_t source = ftun_source_table_enter(&table, &address);
    //@ assert source < SOURCES || source == FTUN_NO_SOURCE;
    check(&table);
}

/* The source is in its bucket: no chain ends before it. What follows it is only copied. */
static void flow_ends(uint32_t source)
{
    struct ftun_source_table table = any_table();
    //@ loop unroll SOURCES;
    for (uint32_t i = 0; i < SOURCES; i++)
        sources[i].next = any_source();
    //@ loop unroll BUCKETS;
    for (uint32_t i = 0; i < BUCKETS; i++)
        buckets[i] = any_source();
    ftun_source_table_leave(&table, source);
    check(&table);
}

int main(void)
{
    begin();
    flow_begins();
    //@ loop unroll SOURCES;
    for (uint32_t source = 0; source < SOURCES; source++)
        flow_ends(source);
    struct ftun_source_table table = any_table();
    ftun_source_table_leave(&table, FTUN_NO_SOURCE);
    check(&table);
    return 0;
}
