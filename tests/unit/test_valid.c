/* ftun_endpoint_valid() and what it is made of: each test breaks one thing in an endpoint that is
 * valid, and expects to be told. The endpoint is a client with three of its four flows in use:
 *
 *   flow 0  established, an ACK due in this turn, also the only one in the list of the turn
 *   flow 1  connecting, two datagrams waiting
 *   flow 2  connecting, one datagram waiting
 *   flow 3  free again */
#include "checksum.h"
#include "endpoint_state.h"
#include "tuple_hash.h"
#include "unit.h"

enum { ESTABLISHED_FLOW, TWO_WAITING, ONE_WAITING, FREE_FLOW, FLOWS };

static const uint64_t start = 100 * FTUN_SECOND;

static _Alignas(max_align_t) uint8_t memory[131072];
static struct ftun_endpoint *ep;
static struct ftun_flow *flows;
static struct ftun_actions actions;

static uint32_t open_flow(uint16_t port)
{
    const struct ftun_socket_address application = at(ipv4(127, 0, 0, 1), port);
    return ftun_endpoint_flow(ep, start, &application, &actions);
}

static void send_datagrams(uint32_t flow, size_t count)
{
    static const uint8_t bytes[100];
    const struct ftun_slice slice = {.data = bytes, .len = count};
    const struct ftun_burst burst = {.slices = &slice, .slice_count = 1, .len = count, .stride = 1};
    ftun_endpoint_datagrams(ep, start, flow, &burst, 0, &actions);
}

/* A segment from the server, answering `syn`. */
static void answer(const struct ftun_segment *syn, uint8_t flags, uint32_t sequence, size_t len)
{
    uint8_t packet[FTUN_HEADERS_MAX + 1] = {0};
    const struct ftun_segment segment = {
        .tuple = {.local = syn->tuple.remote, .remote = syn->tuple.local},
        .tcp = {.sequence = sequence,
                .acknowledgment = syn->tcp.sequence + 1,
                .window = 65535,
                .flags = flags},
        .ttl = 64,
        .payload_len = len,
    };
    const size_t headers = ftun_segment_emit(&segment, FTUN_CHECKSUM_FULL, 0, packet);
    const struct ftun_tunnel_packet tunnel_packet = {.data = packet, .len = headers + len};
    ftun_endpoint_packet(ep, start, &tunnel_packet, &actions);
}

static int set_up(void **state)
{
    (void)state;
    const struct ftun_endpoint_config config = {
        .role = FTUN_CLIENT,
        .key = {{1, 2, 3}},
        .path = {at(ipv4(10, 0, 0, 2), 4567), ipv4(192, 168, 200, 2)},
        .mtu = 1500,
        .timeouts = {FTUN_IDLE_TIMEOUT_DEFAULT, FTUN_NEVER, FTUN_NEVER},
        .max_flows = FLOWS,
        .pending_slots = 5,
        .reassembly_slots = 1,
    };
    assert_in_range(ftun_endpoint_size(&config), 1, sizeof memory);
    ep = ftun_endpoint_create(&config, memory);
    flows = ep->table.flows;
    assert_int_equal(open_flow(1), ESTABLISHED_FLOW);
    const struct ftun_segment syn = actions.at[1].send.segment;
    answer(&syn, FTUN_SYN | FTUN_ACK, 5000, 0);
    answer(&syn, FTUN_ACK, 5001, 1);
    assert_int_equal(open_flow(2), TWO_WAITING);
    send_datagrams(TWO_WAITING, 2);
    assert_int_equal(open_flow(3), ONE_WAITING);
    send_datagrams(ONE_WAITING, 1);
    assert_int_equal(open_flow(4), FREE_FLOW);
    ftun_endpoint_close(ep, start, FREE_FLOW, &actions);
    assert_true(ftun_endpoint_valid(ep));
    return 0;
}

#define assert_noticed() assert_false(ftun_endpoint_valid(ep))

/* --- flow table --------------------------------------------------------------------------- */

static void a_wrong_count_of_flows_is_noticed(void **state)
{
    (void)state;
    ep->table.count = 2;
    assert_noticed();
    ep->table.count = 4;
    assert_noticed();
    ep->table.count = FLOWS + 1;
    assert_noticed();
}

static void a_free_list_that_leads_astray_is_noticed(void **state)
{
    (void)state;
    ep->table.free = FTUN_NO_FLOW;
    assert_noticed();
    ep->table.free = FLOWS;
    assert_noticed();
    ep->table.free = ESTABLISHED_FLOW;
    assert_noticed();
    ep->table.free = FREE_FLOW;
    flows[FREE_FLOW].next_by_tuple = FREE_FLOW;
    assert_noticed();
}

static uint32_t bucket_of(const struct ftun_tuple *tuple)
{
    return (uint32_t)ftun_tuple_table_hash(&ep->table.key, tuple) & (ep->table.bucket_count - 1);
}

static void a_flow_under_the_wrong_tuple_is_noticed(void **state)
{
    (void)state;
    struct ftun_tuple *tuple = &flows[TWO_WAITING].tuple;
    const uint32_t right = bucket_of(tuple);
    while (bucket_of(tuple) == right)
        tuple->local.port++;
    assert_noticed();
}

static void two_flows_of_one_tuple_are_noticed(void **state)
{
    (void)state;
    ftun_flow_table_unlink(&ep->table, ONE_WAITING);
    flows[ONE_WAITING].tuple = flows[TWO_WAITING].tuple;
    ftun_flow_table_link(&ep->table, ONE_WAITING);
    assert_noticed();
}

static void a_flow_under_no_tuple_is_noticed(void **state)
{
    (void)state;
    ftun_flow_table_unlink(&ep->table, TWO_WAITING);
    assert_noticed();
}

static void a_flow_under_no_application_is_noticed(void **state)
{
    (void)state;
    const struct ftun_socket_address application = flows[TWO_WAITING].application;
    ftun_flow_table_unlink_application(&ep->table, TWO_WAITING);
    assert_true(ftun_endpoint_valid(ep));
    flows[TWO_WAITING].application = application;
    assert_noticed();
}

static void a_flow_under_the_wrong_application_is_noticed(void **state)
{
    (void)state;
    flows[TWO_WAITING].application.port = 3;
    assert_noticed();
}

static void a_chain_in_a_circle_is_noticed(void **state)
{
    (void)state;
    flows[TWO_WAITING].next_by_tuple = TWO_WAITING;
    assert_noticed();
    set_up(NULL);
    flows[TWO_WAITING].next_by_application = TWO_WAITING;
    assert_noticed();
}

static void a_chain_that_leaves_the_table_is_noticed(void **state)
{
    (void)state;
    flows[TWO_WAITING].next_by_tuple = FLOWS;
    assert_noticed();
    set_up(NULL);
    flows[TWO_WAITING].next_by_application = FLOWS;
    assert_noticed();
}

static void a_free_flow_that_is_found_is_noticed(void **state)
{
    (void)state;
    ftun_flow_table_give(&ep->table, TWO_WAITING);
    assert_noticed();
}

static void an_order_of_age_that_leads_astray_is_noticed(void **state)
{
    (void)state;
    ep->table.oldest = FLOWS;
    assert_noticed();
    ep->table.oldest = FREE_FLOW;
    assert_noticed();
    set_up(NULL);
    ep->table.newest = ep->table.oldest;
    assert_noticed();
}

/* --- deadlines ---------------------------------------------------------------------------- */

static void a_deadline_before_its_parent_is_noticed(void **state)
{
    (void)state;
    ep->deadlines.heap[0].at_ns = ep->deadlines.heap[1].at_ns + 1;
    assert_noticed();
}

static void a_wrong_count_of_deadlines_is_noticed(void **state)
{
    (void)state;
    ep->deadlines.count--;
    assert_noticed();
    ep->deadlines.count = FLOWS + 1;
    assert_noticed();
}

static void a_deadline_of_no_flow_is_noticed(void **state)
{
    (void)state;
    ep->deadlines.heap[0].flow = FLOWS;
    assert_noticed();
}

static void a_wrong_position_is_noticed(void **state)
{
    (void)state;
    ep->deadlines.position[TWO_WAITING] ^= 1;
    assert_noticed();
}

static void a_flow_without_deadline_is_noticed(void **state)
{
    (void)state;
    ftun_deadlines_remove(&ep->deadlines, TWO_WAITING);
    assert_noticed();
}

static void a_deadline_that_comes_too_late_is_noticed(void **state)
{
    (void)state;
    ftun_deadlines_set(&ep->deadlines, TWO_WAITING, start);
    assert_true(ftun_endpoint_valid(ep));
    ftun_deadlines_set(&ep->deadlines, TWO_WAITING, start + FTUN_RETRANSMIT_TIMEOUT + 1);
    assert_noticed();
}

static void a_deadline_of_a_free_flow_is_noticed(void **state)
{
    (void)state;
    ftun_deadlines_set(&ep->deadlines, FREE_FLOW, start);
    assert_noticed();
}

/* --- pending datagrams -------------------------------------------------------------------- */

static void a_lost_slot_is_noticed(void **state)
{
    (void)state;
    ep->pending.free = ep->pending.slots[ep->pending.free].next;
    assert_noticed();
}

static void a_free_list_of_slots_in_a_circle_is_noticed(void **state)
{
    (void)state;
    ep->pending.slots[ep->pending.free].next = ep->pending.free;
    assert_noticed();
}

static void a_slot_that_waits_and_is_free_is_noticed(void **state)
{
    (void)state;
    const uint32_t slot = flows[ONE_WAITING].pending.first;
    ep->pending.slots[slot].next = ep->pending.slots[ep->pending.free].next;
    ep->pending.free = slot;
    assert_noticed();
}

static void a_slot_in_two_queues_is_noticed(void **state)
{
    (void)state;
    flows[ONE_WAITING].pending.first = flows[TWO_WAITING].pending.last;
    flows[ONE_WAITING].pending.last = flows[TWO_WAITING].pending.last;
    assert_noticed();
}

static void the_last_free_slot_in_a_queue_is_noticed(void **state)
{
    (void)state;
    uint32_t slot = ep->pending.free;
    while (ep->pending.slots[slot].next != FTUN_NO_SLOT)
        slot = ep->pending.slots[slot].next;
    flows[ONE_WAITING].pending.first = flows[ONE_WAITING].pending.last = slot;
    assert_noticed();
}

static void a_wrong_count_of_waiting_datagrams_is_noticed(void **state)
{
    (void)state;
    flows[TWO_WAITING].pending.count = 1;
    assert_noticed();
    flows[TWO_WAITING].pending.count = 3;
    assert_noticed();
    flows[TWO_WAITING].pending.count = ep->pending.slot_count + 1;
    assert_noticed();
    flows[TWO_WAITING].pending.count = FTUN_PENDING_PER_FLOW + 1;
    assert_noticed();
}

static void a_wrong_last_slot_is_noticed(void **state)
{
    (void)state;
    flows[TWO_WAITING].pending.last = flows[TWO_WAITING].pending.first;
    assert_noticed();
}

static void a_queue_that_leaves_the_pool_is_noticed(void **state)
{
    (void)state;
    flows[TWO_WAITING].pending.first = ep->pending.slot_count;
    assert_noticed();
}

static void a_datagram_larger_than_its_slot_is_noticed(void **state)
{
    (void)state;
    ep->pending.slots[flows[TWO_WAITING].pending.last].len = (uint32_t)ep->pending.slot_size + 1;
    assert_noticed();
}

static void datagrams_that_wait_for_an_established_flow_are_noticed(void **state)
{
    (void)state;
    flows[TWO_WAITING].connection.state = FTUN_ESTABLISHED;
    assert_noticed();
}

/* --- connections and the turn ------------------------------------------------------------- */

static void an_invalid_connection_is_noticed(void **state)
{
    (void)state;
    flows[ESTABLISHED_FLOW].connection.snd_una = flows[ESTABLISHED_FLOW].connection.snd_max + 1;
    assert_noticed();
}

static void a_closed_connection_that_is_kept_is_noticed(void **state)
{
    (void)state;
    flows[ESTABLISHED_FLOW].connection.state = FTUN_CLOSED;
    assert_noticed();
}

static void a_live_flow_that_is_not_open_is_noticed(void **state)
{
    (void)state;
    flows[ESTABLISHED_FLOW].open = false;
    assert_noticed();
}

static void an_acknowledgment_that_the_turn_forgot_is_noticed(void **state)
{
    (void)state;
    ep->turn = FTUN_NO_FLOW;
    assert_noticed();
    flows[ESTABLISHED_FLOW].in_turn = false;
    assert_noticed();
}

static void a_turn_in_a_circle_is_noticed(void **state)
{
    (void)state;
    flows[ESTABLISHED_FLOW].next_in_turn = ESTABLISHED_FLOW;
    assert_noticed();
}

static void a_turn_that_leads_astray_is_noticed(void **state)
{
    (void)state;
    ep->turn = FLOWS;
    assert_noticed();
    ep->turn = TWO_WAITING;
    assert_noticed();
}

static void a_packet_in_parts_of_which_there_are_none_is_noticed(void **state)
{
    (void)state;
    ep->reassembly.slots[0].in_use = true;
    ep->reassembly.slots[0].abandoned = false;
    ep->reassembly.slots[0].part_count = 0;
    assert_noticed();
}

/* --- rivals ------------------------------------------------------------------------------- */

static void a_rival_that_is_no_flow_is_noticed(void **state)
{
    (void)state;
    flows[ESTABLISHED_FLOW].rival = FLOWS;
    assert_noticed();
    flows[ESTABLISHED_FLOW].rival = FREE_FLOW;
    assert_noticed();
}

static void a_rival_that_knows_nothing_of_it_is_noticed(void **state)
{
    (void)state;
    flows[ESTABLISHED_FLOW].rival = TWO_WAITING;
    assert_noticed();
}

static void rivals_of_which_both_are_open_are_noticed(void **state)
{
    (void)state;
    flows[ESTABLISHED_FLOW].rival = TWO_WAITING;
    flows[TWO_WAITING].rival = ESTABLISHED_FLOW;
    assert_noticed();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_wrong_count_of_flows_is_noticed, set_up),
        cmocka_unit_test_setup(a_free_list_that_leads_astray_is_noticed, set_up),
        cmocka_unit_test_setup(a_flow_under_the_wrong_tuple_is_noticed, set_up),
        cmocka_unit_test_setup(two_flows_of_one_tuple_are_noticed, set_up),
        cmocka_unit_test_setup(a_flow_under_no_tuple_is_noticed, set_up),
        cmocka_unit_test_setup(a_flow_under_no_application_is_noticed, set_up),
        cmocka_unit_test_setup(a_flow_under_the_wrong_application_is_noticed, set_up),
        cmocka_unit_test_setup(a_chain_in_a_circle_is_noticed, set_up),
        cmocka_unit_test_setup(a_chain_that_leaves_the_table_is_noticed, set_up),
        cmocka_unit_test_setup(a_free_flow_that_is_found_is_noticed, set_up),
        cmocka_unit_test_setup(an_order_of_age_that_leads_astray_is_noticed, set_up),
        cmocka_unit_test_setup(a_deadline_before_its_parent_is_noticed, set_up),
        cmocka_unit_test_setup(a_wrong_count_of_deadlines_is_noticed, set_up),
        cmocka_unit_test_setup(a_deadline_of_no_flow_is_noticed, set_up),
        cmocka_unit_test_setup(a_wrong_position_is_noticed, set_up),
        cmocka_unit_test_setup(a_flow_without_deadline_is_noticed, set_up),
        cmocka_unit_test_setup(a_deadline_that_comes_too_late_is_noticed, set_up),
        cmocka_unit_test_setup(a_deadline_of_a_free_flow_is_noticed, set_up),
        cmocka_unit_test_setup(a_lost_slot_is_noticed, set_up),
        cmocka_unit_test_setup(a_free_list_of_slots_in_a_circle_is_noticed, set_up),
        cmocka_unit_test_setup(a_slot_that_waits_and_is_free_is_noticed, set_up),
        cmocka_unit_test_setup(a_slot_in_two_queues_is_noticed, set_up),
        cmocka_unit_test_setup(the_last_free_slot_in_a_queue_is_noticed, set_up),
        cmocka_unit_test_setup(a_wrong_count_of_waiting_datagrams_is_noticed, set_up),
        cmocka_unit_test_setup(a_wrong_last_slot_is_noticed, set_up),
        cmocka_unit_test_setup(a_queue_that_leaves_the_pool_is_noticed, set_up),
        cmocka_unit_test_setup(a_datagram_larger_than_its_slot_is_noticed, set_up),
        cmocka_unit_test_setup(datagrams_that_wait_for_an_established_flow_are_noticed, set_up),
        cmocka_unit_test_setup(an_invalid_connection_is_noticed, set_up),
        cmocka_unit_test_setup(a_closed_connection_that_is_kept_is_noticed, set_up),
        cmocka_unit_test_setup(a_live_flow_that_is_not_open_is_noticed, set_up),
        cmocka_unit_test_setup(an_acknowledgment_that_the_turn_forgot_is_noticed, set_up),
        cmocka_unit_test_setup(a_turn_in_a_circle_is_noticed, set_up),
        cmocka_unit_test_setup(a_turn_that_leads_astray_is_noticed, set_up),
        cmocka_unit_test_setup(a_rival_that_is_no_flow_is_noticed, set_up),
        cmocka_unit_test_setup(a_rival_that_knows_nothing_of_it_is_noticed, set_up),
        cmocka_unit_test_setup(rivals_of_which_both_are_open_are_noticed, set_up),
        cmocka_unit_test_setup(a_packet_in_parts_of_which_there_are_none_is_noticed, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
