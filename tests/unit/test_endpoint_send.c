/* What a SEND action holds beside its TCP header, and what is counted of it. */
#include "endpoint_fixture.h"
#include "endpoint_state.h"

static const struct ftun_segment *sent(size_t action)
{
    assert_in_range(action, 0, actions.count - 1);
    assert_int_equal(actions.at[action].kind, FTUN_ACTION_SEND);
    return &actions.at[action].send.segment;
}

static void assert_from_us_to_the_server(const struct ftun_segment *segment)
{
    const struct ftun_tuple ours = {the_server().to, the_server().address};
    assert_true(ftun_tuple_equal(&segment->tuple, &ours));
    assert_int_equal(segment->ttl, 65);
}

static void every_segment_of_a_flow_has_its_tuple(void **state)
{
    (void)state;
    create(client_config());
    const uint32_t flow = ftun_endpoint_flow(endpoint, now, application_at(1), &actions);
    const struct ftun_tuple opened = actions.at[0].open.tuple;
    happened();
    const struct ftun_tuple ours = {the_server().to, the_server().address};
    assert_true(ftun_tuple_equal(&opened, &ours));
    give(the_server(), FTUN_SYN | FTUN_ACK, 5000, own_isn + 1, "");
    assert_from_us_to_the_server(sent(0));
    assert_int_equal(actions.at[1].kind, FTUN_ACTION_ESTABLISHED);
    assert_true(ftun_tuple_equal(&actions.at[1].established.tuple, &ours));
    send_datagrams(flow, 100, 100);
    assert_from_us_to_the_server(sent(0));
    ftun_endpoint_close(endpoint, now, flow, &actions);
    assert_from_us_to_the_server(sent(0));
}

static void ip_ids_count_the_segments_of_a_flow(void **state)
{
    (void)state;
    create(client_config());
    const uint32_t flow = ftun_endpoint_flow(endpoint, now, application_at(1), &actions);
    const uint16_t first = sent(1)->ip_id;
    happened();
    give(the_server(), FTUN_SYN | FTUN_ACK, 5000, own_isn + 1, "");
    assert_int_equal(sent(0)->ip_id, (uint16_t)(first + 1));
    send_datagrams(flow, 300, 100);
    assert_int_equal(sent(0)->ip_id, (uint16_t)(first + 2));
    ftun_endpoint_close(endpoint, now, flow, &actions);
    assert_int_equal(sent(0)->ip_id, (uint16_t)(first + 5));
}

static void a_segment_without_payload_points_to_none(void **state)
{
    (void)state;
    create(client_config());
    memset(&actions, 0xff, sizeof actions);
    ftun_endpoint_flow(endpoint, now, application_at(1), &actions);
    assert_int_equal(sent(1)->payload_len, 0);
    assert_null(actions.at[1].send.data);
    assert_int_equal(actions.at[1].send.offset, 0);
    assert_int_equal(actions.at[1].send.stride, 0);
}

static void a_burst_is_pointed_to_by_its_offset(void **state)
{
    (void)state;
    const uint32_t flow = established_client();
    memset(&actions, 0xff, sizeof actions);
    assert_int_equal(send_datagrams(flow, 65535, 1000), 65535);
    assert_int_equal(actions.count, 2);
    static const size_t offsets[] = {0, 65000}, strides[] = {1000, 535}, lens[] = {65000, 535};
    for (size_t i = 0; i < 2; i++) {
        assert_null(actions.at[i].send.data);
        assert_int_equal(actions.at[i].send.offset, offsets[i]);
        assert_int_equal(actions.at[i].send.stride, strides[i]);
        assert_int_equal(sent(i)->payload_len, lens[i]);
    }
}

static void what_waited_for_the_handshake_is_pointed_to_as_it_came(void **state)
{
    (void)state;
    const uint32_t flow = dialing_client_of(client_config());
    const struct ftun_slice slice = {.data = (const uint8_t *)"onetwothree", .len = 11};
    const struct ftun_burst burst = {.slices = &slice, .slice_count = 1, .len = 11, .stride = 6};
    ftun_endpoint_datagrams(endpoint, now, flow, &burst, 0, &actions);
    give(the_server(), FTUN_SYN | FTUN_ACK, 5000, own_isn + 1, "");
    assert_int_equal(sent(2)->payload_len, 6);
    assert_memory_equal(actions.at[2].send.data, "onetwo", 6);
    assert_int_equal(sent(3)->payload_len, 5);
    assert_memory_equal(actions.at[3].send.data, "three", 5);
}

static void a_handshake_packet_may_be_as_large_as_a_segment(void **state)
{
    (void)state;
    static const uint8_t largest[1460];
    struct ftun_endpoint_config c = client_config();
    c.handshake_packet = largest;
    c.handshake_packet_len = sizeof largest;
    dialing_client_of(c);
    give(the_server(), FTUN_SYN | FTUN_ACK, 5000, own_isn + 1, "");
    assert_int_equal(sent(2)->payload_len, 1460);
    assert_ptr_equal(actions.at[2].send.data, largest);
}

static void what_is_sent_is_counted(void **state)
{
    (void)state;
    const uint32_t flow = established_client();
    const struct ftun_counters *counters = ftun_endpoint_counters(endpoint);
    assert_int_equal(counters->segments_sent, 2); /* SYN and ACK */
    send_datagrams(flow, 250, 100);
    assert_int_equal(counters->segments_sent, 2 + 3);
    assert_int_equal(counters->datagrams_sent, 3);
    assert_int_equal(counters->bytes_sent, 250);
}

/* Who knew the hashes could fill one bucket. */
static void the_flow_table_is_keyed_with_the_secret(void **state)
{
    (void)state;
    create(client_config());
    assert_memory_equal(&endpoint->table.key, &config.key, sizeof config.key);
}

static size_t send_rest(uint32_t flow, size_t len, size_t stride, size_t offset)
{
    static const uint8_t bytes[2000];
    const struct ftun_slice slice = {.data = bytes, .len = len};
    const struct ftun_burst burst = {
        .slices = &slice, .slice_count = 1, .len = len, .stride = stride};
    return ftun_endpoint_datagrams(endpoint, now, flow, &burst, offset, &actions);
}

static void the_rest_of_a_burst_is_dealt_with_in_every_state(void **state)
{
    (void)state;
    const uint32_t flow = dialing_client_of(client_config());
    assert_int_equal(send_rest(flow, 30, 10, 10), 20);
    give(the_server(), FTUN_SYN | FTUN_ACK, 5000, own_isn + 1, "");
    assert_string_equal(happened(), "> . 1:1(0) ack 5001 win 63 | "
                                    "established flow 0 profile linux mss 1460 | "
                                    "> P. 1:11(10) ack 5001 win 63 | "
                                    "> P. 11:21(10) ack 5001 win 63");
    assert_int_equal(send_rest(flow, 35, 10, 20), 15);
    assert_string_equal(happened(), "> P. 21:36(2x10) ack 5001 win 63");
    ftun_endpoint_close(endpoint, now, flow, &actions);
    assert_int_equal(send_rest(flow, 30, 10, 10), 20);
    assert_int_equal(refused(FTUN_REFUSED_FLOW_CLOSING), 2);
}

static void a_datagram_as_large_as_a_segment_waits_for_the_handshake(void **state)
{
    (void)state;
    const uint32_t flow = dialing_client_of(client_config());
    send_datagrams(flow, 1460, 1460);
    give(the_server(), FTUN_SYN | FTUN_ACK, 5000, own_isn + 1, "");
    assert_int_equal(sent(2)->payload_len, 1460);
    assert_int_equal(refused(FTUN_REFUSED_DATAGRAM_TOO_LARGE), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_segment_of_a_flow_has_its_tuple),
        cmocka_unit_test(ip_ids_count_the_segments_of_a_flow),
        cmocka_unit_test(a_segment_without_payload_points_to_none),
        cmocka_unit_test(a_burst_is_pointed_to_by_its_offset),
        cmocka_unit_test(what_waited_for_the_handshake_is_pointed_to_as_it_came),
        cmocka_unit_test(a_handshake_packet_may_be_as_large_as_a_segment),
        cmocka_unit_test(what_is_sent_is_counted),
        cmocka_unit_test(the_flow_table_is_keyed_with_the_secret),
        cmocka_unit_test(the_rest_of_a_burst_is_dealt_with_in_every_state),
        cmocka_unit_test(a_datagram_as_large_as_a_segment_waits_for_the_handshake),
    };
    return cmocka_run_group_tests(tests, NULL, endpoint_tear_down);
}
