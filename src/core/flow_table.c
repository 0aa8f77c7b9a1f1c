#include "flow_table.h"

#include "tuple_hash.h"

uint32_t ftun_flow_table_buckets(uint32_t capacity)
{
    uint32_t buckets = 1;
    while (buckets < capacity && buckets < UINT32_C(1) << 31)
        buckets *= 2;
    return buckets;
}

void ftun_flow_table_init(struct ftun_flow_table *table)
{
    for (uint32_t i = 0; i < table->bucket_count; i++)
        table->by_tuple[i] = table->by_application[i] = FTUN_NO_FLOW;
    for (uint32_t i = 0; i < table->capacity; i++) {
        table->flows[i] = (struct ftun_flow){0};
        table->flows[i].next_by_tuple = i + 1 < table->capacity ? i + 1 : FTUN_NO_FLOW;
    }
    table->free = table->capacity > 0 ? 0 : FTUN_NO_FLOW;
    table->count = 0;
    table->oldest = table->newest = FTUN_NO_FLOW;
    ftun_source_table_init(&table->sources);
}

/* --- the order of being heard ------------------------------------------------------------- */

static void append(struct ftun_flow_table *table, uint32_t flow)
{
    struct ftun_flow *appended = &table->flows[flow];
    appended->older = table->newest;
    appended->newer = FTUN_NO_FLOW;
    if (table->newest == FTUN_NO_FLOW)
        table->oldest = flow;
    else
        table->flows[table->newest].newer = flow;
    table->newest = flow;
}

static void take_out(struct ftun_flow_table *table, uint32_t flow)
{
    const struct ftun_flow *taken = &table->flows[flow];
    if (taken->older == FTUN_NO_FLOW)
        table->oldest = taken->newer;
    else
        table->flows[taken->older].newer = taken->newer;
    if (taken->newer == FTUN_NO_FLOW)
        table->newest = taken->older;
    else
        table->flows[taken->newer].older = taken->older;
}

void ftun_flow_table_heard(struct ftun_flow_table *table, uint32_t flow)
{
    take_out(table, flow);
    append(table, flow);
}

/* --- taking and giving -------------------------------------------------------------------- */

bool ftun_flow_table_full(const struct ftun_flow_table *table)
{
    return table->free == FTUN_NO_FLOW || !ftun_flow_total_has_room(table->total, table->capacity);
}

uint32_t ftun_flow_table_take(struct ftun_flow_table *table)
{
    const uint32_t flow = table->free;
    if (flow == FTUN_NO_FLOW || !ftun_flow_total_enter(table->total, table->capacity))
        return FTUN_NO_FLOW;
    struct ftun_flow *taken = &table->flows[flow];
    table->free = taken->next_by_tuple;
    table->count++;
    /* a flow that ended in this turn may still stand in the turn's list */
    *taken = (struct ftun_flow){.source = FTUN_NO_SOURCE,
                                .in_use = true,
                                .rival = FTUN_NO_FLOW,
                                .in_turn = taken->in_turn,
                                .next_in_turn = taken->next_in_turn};
    ftun_pending_queue_init(&taken->pending);
    append(table, flow);
    return flow;
}

void ftun_flow_table_give(struct ftun_flow_table *table, uint32_t flow)
{
    take_out(table, flow);
    ftun_source_table_leave(&table->sources, table->flows[flow].source);
    ftun_flow_total_leave(table->total);
    table->flows[flow].in_use = false;
    table->flows[flow].next_by_tuple = table->free;
    table->free = flow;
    table->count--;
}

/* --- keys --------------------------------------------------------------------------------- */

static uint32_t *tuple_bucket(const struct ftun_flow_table *table, const struct ftun_tuple *tuple)
{
    const uint64_t hash = ftun_tuple_table_hash(&table->key, tuple);
    return &table->by_tuple[hash & (table->bucket_count - 1)];
}

static uint32_t *application_bucket(const struct ftun_flow_table *table,
                                    const struct ftun_socket_address *application)
{
    const uint64_t hash = ftun_address_table_hash(&table->key, application);
    return &table->by_application[hash & (table->bucket_count - 1)];
}

uint32_t ftun_flow_table_find(const struct ftun_flow_table *table, const struct ftun_tuple *tuple)
{
    uint32_t flow = *tuple_bucket(table, tuple);
    while (flow != FTUN_NO_FLOW && !ftun_tuple_equal(&table->flows[flow].tuple, tuple))
        flow = table->flows[flow].next_by_tuple;
    return flow;
}

void ftun_flow_table_link(struct ftun_flow_table *table, uint32_t flow)
{
    uint32_t *bucket = tuple_bucket(table, &table->flows[flow].tuple);
    table->flows[flow].next_by_tuple = *bucket;
    *bucket = flow;
}

void ftun_flow_table_unlink(struct ftun_flow_table *table, uint32_t flow)
{
    uint32_t *link = tuple_bucket(table, &table->flows[flow].tuple);
    while (*link != flow)
        link = &table->flows[*link].next_by_tuple;
    *link = table->flows[flow].next_by_tuple;
}

uint32_t ftun_flow_table_find_application(const struct ftun_flow_table *table,
                                          const struct ftun_socket_address *application)
{
    uint32_t flow = *application_bucket(table, application);
    while (flow != FTUN_NO_FLOW &&
           !ftun_socket_address_equal(&table->flows[flow].application, application))
        flow = table->flows[flow].next_by_application;
    return flow;
}

void ftun_flow_table_link_application(struct ftun_flow_table *table, uint32_t flow)
{
    uint32_t *bucket = application_bucket(table, &table->flows[flow].application);
    table->flows[flow].next_by_application = *bucket;
    *bucket = flow;
}

void ftun_flow_table_unlink_application(struct ftun_flow_table *table, uint32_t flow)
{
    struct ftun_flow *leaving = &table->flows[flow];
    if (leaving->application.ip.family == FTUN_FAMILY_NONE)
        return;
    uint32_t *link = application_bucket(table, &leaving->application);
    while (*link != flow)
        link = &table->flows[*link].next_by_application;
    *link = leaving->next_by_application;
    leaving->application = (struct ftun_socket_address){0};
}

/* --- validity: walks are bounded by the number of flows, so that a cycle ends them --------- */

static bool free_list_valid(const struct ftun_flow_table *table)
{
    uint32_t flow = table->free;
    for (uint32_t i = 0; i < table->capacity - table->count; i++) {
        if (flow >= table->capacity || table->flows[flow].in_use)
            return false;
        flow = table->flows[flow].next_by_tuple;
    }
    return flow == FTUN_NO_FLOW;
}

/* Counts the flows of one bucket into `linked`. */
static bool tuple_chain_valid(const struct ftun_flow_table *table, const uint32_t *bucket,
                              uint32_t *linked)
{
    uint32_t flow = *bucket;
    for (; flow != FTUN_NO_FLOW; flow = table->flows[flow].next_by_tuple) {
        if (flow >= table->capacity || *linked == table->count)
            return false;
        const struct ftun_flow *f = &table->flows[flow];
        if (!f->in_use || tuple_bucket(table, &f->tuple) != bucket)
            return false;
        ++*linked;
    }
    return true;
}

static bool application_chain_valid(const struct ftun_flow_table *table, const uint32_t *bucket,
                                    uint32_t *linked)
{
    uint32_t flow = *bucket;
    for (; flow != FTUN_NO_FLOW; flow = table->flows[flow].next_by_application) {
        if (flow >= table->capacity || *linked == table->count)
            return false;
        const struct ftun_flow *f = &table->flows[flow];
        if (!f->in_use || application_bucket(table, &f->application) != bucket)
            return false;
        ++*linked;
    }
    return true;
}

/* An index in use that is found under its own keys: no other one hides it. */
static bool flow_found(const struct ftun_flow_table *table, uint32_t flow)
{
    const struct ftun_flow *f = &table->flows[flow];
    return ftun_flow_table_find(table, &f->tuple) == flow &&
           (f->application.ip.family == FTUN_FAMILY_NONE ||
            ftun_flow_table_find_application(table, &f->application) == flow);
}

static bool order_valid(const struct ftun_flow_table *table)
{
    uint32_t older = FTUN_NO_FLOW;
    uint32_t flow = table->oldest;
    for (uint32_t i = 0; i < table->count; i++) {
        if (flow >= table->capacity || !table->flows[flow].in_use ||
            table->flows[flow].older != older)
            return false;
        older = flow;
        flow = table->flows[flow].newer;
    }
    return flow == FTUN_NO_FLOW && table->newest == older;
}

static uint32_t flows_with_source(const struct ftun_flow_table *table)
{
    uint32_t count = 0;
    for (uint32_t flow = 0; flow < table->capacity; flow++)
        count += table->flows[flow].in_use && table->flows[flow].source != FTUN_NO_SOURCE;
    return count;
}

bool ftun_flow_table_valid(const struct ftun_flow_table *table)
{
    if (table->count > table->capacity || !free_list_valid(table) || !order_valid(table) ||
        !ftun_source_table_valid(&table->sources, flows_with_source(table)))
        return false;
    uint32_t by_tuple = 0;
    uint32_t by_application = 0;
    for (uint32_t i = 0; i < table->bucket_count; i++)
        if (!tuple_chain_valid(table, &table->by_tuple[i], &by_tuple) ||
            !application_chain_valid(table, &table->by_application[i], &by_application))
            return false;
    uint32_t in_use = 0;
    uint32_t with_application = 0;
    for (uint32_t flow = 0; flow < table->capacity; flow++) {
        const struct ftun_flow *f = &table->flows[flow];
        if (!f->in_use)
            continue;
        if (!flow_found(table, flow))
            return false;
        in_use++;
        with_application += f->application.ip.family != FTUN_FAMILY_NONE;
    }
    return in_use == table->count && by_tuple == in_use && by_application == with_application;
}
