/* Finding one of many flows. */
#include "micro.h"

#include "flow_table.h"

enum { FLOWS_MAX = 100000, STEP = 7919 /* a prime: no two in a row are neighbours */ };

static struct ftun_flow_table table;
static struct ftun_source_table no_sources;

static struct ftun_tuple tuple_of(uint32_t number)
{
    return (struct ftun_tuple){.local = {micro_host(1), 4567}, .remote = {micro_host(number), 99}};
}

static struct ftun_socket_address application_of(uint32_t number)
{
    return (struct ftun_socket_address){micro_host(number), 99};
}

static void prepare(uint32_t flows)
{
    const uint32_t buckets = ftun_flow_table_buckets(flows);
    table = (struct ftun_flow_table){
        .flows = micro_memory(flows * sizeof *table.flows),
        .by_tuple = micro_memory(buckets * sizeof *table.by_tuple),
        .by_application = micro_memory(buckets * sizeof *table.by_application),
        .capacity = flows,
        .bucket_count = buckets,
        .sources = no_sources,
        .key = {{1, 2, 3}},
    };
    ftun_flow_table_init(&table);
    for (uint32_t i = 0; i < flows; i++) {
        const uint32_t flow = ftun_flow_table_take(&table);
        table.flows[flow].tuple = tuple_of(flow);
        table.flows[flow].application = application_of(flow);
        ftun_flow_table_link(&table, flow);
        ftun_flow_table_link_application(&table, flow);
    }
}

static void prepare_one(void)
{
    prepare(1);
}

static void prepare_thousand(void)
{
    prepare(1000);
}

static void prepare_many(void)
{
    prepare(FLOWS_MAX);
}

static void find(unsigned times)
{
    uint32_t flow = 0;
    for (unsigned i = 0; i < times; i++) {
        flow = (flow + STEP) % table.capacity;
        const struct ftun_tuple tuple = tuple_of(flow);
        micro_begin();
        const uint32_t found = ftun_flow_table_find(&table, &tuple);
        micro_end();
        micro_check(found == flow, "the flow is found");
    }
}

static void find_application(unsigned times)
{
    uint32_t flow = 0;
    for (unsigned i = 0; i < times; i++) {
        flow = (flow + STEP) % table.capacity;
        const struct ftun_socket_address application = application_of(flow);
        micro_begin();
        const uint32_t found = ftun_flow_table_find_application(&table, &application);
        micro_end();
        micro_check(found == flow, "the flow is found");
    }
}

const struct micro_case table_cases[] = {
    {"find.1", prepare_one, find, 1000},
    {"find.1000", prepare_thousand, find, 1000},
    {"find.100000", prepare_many, find, 1000},
    {"find_application.1", prepare_one, find_application, 1000},
    {"find_application.100000", prepare_many, find_application, 1000},
};
const size_t table_case_count = sizeof table_cases / sizeof table_cases[0];
