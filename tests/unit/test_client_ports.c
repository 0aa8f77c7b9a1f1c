#include "client_ports.h"
#include "limits.h"
#include "unit.h"

static void take(struct ftun_port_set *taken, uint32_t first, uint32_t last)
{
    for (uint32_t port = first; port <= last; port++)
        ftun_port_set_add(taken, (uint16_t)port);
}

static void assert_block(const struct ftun_port_set *taken, uint32_t size, uint64_t draw,
                         uint16_t first, uint16_t last)
{
    struct ftun_port_range range;
    assert_true(ftun_client_ports_choose(taken, size, draw, &range));
    assert_int_equal(range.first, first);
    assert_int_equal(range.last, last);
}

static void a_block_is_aligned_and_inside_whatever_is_drawn(void **state)
{
    (void)state;
    const struct ftun_port_set none = {0};
    for (uint64_t draw = 0; draw < 1000; draw++) {
        struct ftun_port_range range;
        assert_true(ftun_client_ports_choose(&none, 4096, draw * 0x9e3779b97f4a7c15, &range));
        assert_int_equal(range.first % FTUN_PORT_CLASSES, 0);
        assert_int_equal(range.last - range.first, 4095);
        assert_in_range(range.first, FTUN_PORT_FIRST, FTUN_PORT_LAST);
        assert_in_range(range.last, FTUN_PORT_FIRST, FTUN_PORT_LAST);
    }
}

static void a_block_keeps_clear_of_what_is_taken(void **state)
{
    (void)state;
    struct ftun_port_set taken = {0};
    assert_block(&taken, 4096, 0, 32768, 36863);
    take(&taken, 36863, 36863);
    assert_block(&taken, 4096, 0, 36864, 40959);
    take(&taken, 32768, 56895);
    assert_block(&taken, 4096, 7, 56896, 60991);
}

static void a_smaller_block_is_better_than_none(void **state)
{
    (void)state;
    struct ftun_port_set taken = {0};
    take(&taken, 32768, 58999);
    assert_block(&taken, 4096, 0, 59008, 60031); /* a quarter */
    take(&taken, 59000, 60927);
    assert_block(&taken, 4096, 0, 60928, 60991);
    take(&taken, 60991, 60991);
    struct ftun_port_range range;
    assert_false(ftun_client_ports_choose(&taken, 4096, 0, &range));
}

static void many_flows_want_many_ports(void **state)
{
    (void)state;
    assert_int_equal(ftun_client_ports_size(0), 4096);
    assert_int_equal(ftun_client_ports_size(2048), 4096);
    assert_int_equal(ftun_client_ports_size(2049), 4160);
    assert_int_equal(ftun_client_ports_size(UINT32_MAX), 14080);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_is_aligned_and_inside_whatever_is_drawn),
        cmocka_unit_test(a_block_keeps_clear_of_what_is_taken),
        cmocka_unit_test(a_smaller_block_is_better_than_none),
        cmocka_unit_test(many_flows_want_many_ports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
