#include "pending.h"
#include "unit.h"

enum { SLOTS = 3, SIZE = 4 };

static struct ftun_pending_slot slots[SLOTS];
static uint8_t bytes[SLOTS * SIZE];
static struct ftun_pending_pool pool;
static struct ftun_pending_queue queue, other;

static int set_up(void **state)
{
    (void)state;
    pool = (struct ftun_pending_pool){
        .slots = slots, .bytes = bytes, .slot_size = SIZE, .slot_count = SLOTS, .free = 77};
    ftun_pending_pool_init(&pool);
    ftun_pending_queue_init(&queue);
    ftun_pending_queue_init(&other);
    return 0;
}

static void append(struct ftun_pending_queue *to, const char *text)
{
    uint8_t *slot = ftun_pending_append(&pool, to, strlen(text));
    assert_non_null(slot);
    memcpy(slot, text, strlen(text));
}

static void assert_takes(struct ftun_pending_queue *from, const char *text)
{
    size_t len;
    const uint8_t *data = ftun_pending_take(&pool, from, &len);
    assert_non_null(data);
    assert_int_equal(len, strlen(text));
    assert_memory_equal(data, text, len);
}

static void what_came_first_leaves_first(void **state)
{
    (void)state;
    size_t len;
    append(&queue, "one");
    append(&other, "x");
    append(&queue, "two");
    assert_int_equal(queue.count, 2);
    assert_takes(&queue, "one");
    assert_takes(&queue, "two");
    assert_null(ftun_pending_take(&pool, &queue, &len));
    assert_takes(&other, "x");
}

static void the_pool_is_bounded_and_reused(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 10; round++) {
        append(&queue, "a");
        append(&queue, "b");
        append(&other, "c");
        assert_null(ftun_pending_append(&pool, &queue, 1));
        assert_takes(&queue, "a");
        append(&other, "d");
        assert_int_equal(ftun_pending_drop(&pool, &other), 2);
        assert_int_equal(ftun_pending_drop(&pool, &queue), 1);
    }
}

static void a_datagram_larger_than_a_slot_is_refused(void **state)
{
    (void)state;
    assert_null(ftun_pending_append(&pool, &queue, SIZE + 1));
    append(&queue, "four");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_came_first_leaves_first, set_up),
        cmocka_unit_test_setup(the_pool_is_bounded_and_reused, set_up),
        cmocka_unit_test_setup(a_datagram_larger_than_a_slot_is_refused, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
