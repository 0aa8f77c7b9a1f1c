/* Flows counted by where they come from. */
#include "source_table.h"
#include "unit.h"

enum { FLOWS = 6, LIMIT = 2 };

static struct ftun_source sources[FLOWS];
static uint32_t buckets[8];
static struct ftun_source_table table;

static void create(uint32_t bucket_count)
{
    table = (struct ftun_source_table){.sources = sources,
                                       .buckets = buckets,
                                       .capacity = FLOWS,
                                       .bucket_count = bucket_count,
                                       .limit = LIMIT,
                                       .key = {{1, 2}}};
    ftun_source_table_init(&table);
}

/* With one bucket all sources collide. */
static int one_bucket(void **state)
{
    (void)state;
    create(1);
    return 0;
}

static struct ftun_address host(uint8_t last)
{
    return ipv4(10, 0, 0, last);
}

static uint32_t enter(struct ftun_address address)
{
    assert_true(ftun_source_table_admits(&table, &address));
    return ftun_source_table_enter(&table, &address);
}

static bool admits(struct ftun_address address)
{
    return ftun_source_table_admits(&table, &address);
}

static void each_address_has_a_limit_of_its_own(void **state)
{
    (void)state;
    assert_int_equal(enter(host(1)), enter(host(1)));
    assert_false(admits(host(1)));
    enter(host(2));
    assert_true(admits(host(2)));
    enter(host(2));
    assert_false(admits(host(2)));
    assert_true(ftun_source_table_valid(&table, 4));
    assert_false(ftun_source_table_valid(&table, 3));
}

static void a_flow_that_ends_makes_room_for_another(void **state)
{
    (void)state;
    const uint32_t source = enter(host(1));
    enter(host(1));
    ftun_source_table_leave(&table, source);
    assert_true(admits(host(1)));
    enter(host(1));
    assert_false(admits(host(1)));
}

/* RFC 4291 2.5.1: all addresses of a /64 may be one host's. */
static void an_ipv6_source_is_its_network(void **state)
{
    (void)state;
    struct ftun_address other = ipv6(1);
    other.bytes[7] ^= 1;
    assert_int_equal(enter(ipv6(1)), enter(ipv6(2)));
    assert_false(admits(ipv6(3)));
    assert_true(admits(other));
}

static void sources_come_and_go_for_ever(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 100; round++) {
        uint32_t entered[FLOWS];
        for (unsigned i = 0; i < FLOWS; i++)
            entered[i] = enter(host((uint8_t)(round + i)));
        assert_true(ftun_source_table_valid(&table, FLOWS));
        for (uint32_t i = 0; i < FLOWS; i++)
            ftun_source_table_leave(&table, entered[(i * 5 + round) % FLOWS]);
        assert_true(ftun_source_table_valid(&table, 0));
    }
}

static void without_a_limit_nothing_is_counted(void **state)
{
    (void)state;
    table = (struct ftun_source_table){0};
    ftun_source_table_init(&table);
    assert_int_equal(enter(host(1)), FTUN_NO_SOURCE);
    ftun_source_table_leave(&table, FTUN_NO_SOURCE);
    assert_true(ftun_source_table_valid(&table, 0));
}

static void each_contradiction_is_found(void **state)
{
    (void)state;
    const uint32_t source = enter(host(1));
    const struct ftun_source saved = sources[source];
    sources[source].flows = 0;
    assert_false(ftun_source_table_valid(&table, 0));
    sources[source].flows = LIMIT + 1;
    assert_false(ftun_source_table_valid(&table, LIMIT + 1));
    sources[source] = saved;
    sources[source].next = FLOWS;
    assert_false(ftun_source_table_valid(&table, 1));
    sources[source].next = source;
    assert_false(ftun_source_table_valid(&table, 1));
    sources[source] = saved;
    const uint32_t free = table.free;
    table.free = FLOWS;
    assert_false(ftun_source_table_valid(&table, 1));
    table.free = FTUN_NO_SOURCE;
    assert_false(ftun_source_table_valid(&table, 1));
    table.free = free;
    sources[free].flows = 1;
    assert_false(ftun_source_table_valid(&table, 1));
    sources[free].flows = 0;
    assert_true(ftun_source_table_valid(&table, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_address_has_a_limit_of_its_own, one_bucket),
        cmocka_unit_test_setup(a_flow_that_ends_makes_room_for_another, one_bucket),
        cmocka_unit_test_setup(an_ipv6_source_is_its_network, one_bucket),
        cmocka_unit_test_setup(sources_come_and_go_for_ever, one_bucket),
        cmocka_unit_test(without_a_limit_nothing_is_counted),
        cmocka_unit_test_setup(each_contradiction_is_found, one_bucket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
