#include "script.h"

#include "pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>

#include <cmocka.h>

/* The judge looks for what came too early, or too late, among its neighbours. */
static void no_two_datagrams_within_65536_are_alike(void **state)
{
    (void)state;
    enum { LINES = 65536 };
    const struct script script = {.seed = 1, .sizes = {.least = 64, .most = 1452}};
    static bool used[LINES];
    pattern_prepare();
    const uint8_t *const first = pattern_slice(0);
    for (uint64_t i = 0; i < LINES; i++) {
        const struct line line = script_line(&script, DIRECTION_BACK, 18, i);
        assert_in_range(line.content - first, 0, LINES - 1);
        assert_false(used[line.content - first]);
        used[line.content - first] = true;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_two_datagrams_within_65536_are_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
