#include "sweep.h"
#include "unit.h"

static void short_packets_are_cut_at_every_length(void **state)
{
    (void)state;
    for (size_t snap = 0; snap < 190; snap++)
        assert_int_equal(ftun_sweep_next(snap, 192), snap + 1);
}

static void long_packets_at_every_length_where_headers_and_ends_are(void **state)
{
    (void)state;
    const size_t longest = 65535;
    size_t count = 0;
    size_t before = 0;
    for (size_t snap = 0; snap <= longest; snap = ftun_sweep_next(snap, longest)) {
        if (snap > 0 && (snap <= 128 || snap > longest - 64))
            assert_int_equal(snap, before + 1);
        before = snap;
        count++;
    }
    assert_int_equal(before, longest);
    assert_in_range(count, 250, 260);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_packets_are_cut_at_every_length),
        cmocka_unit_test(long_packets_at_every_length_where_headers_and_ends_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
