/* Routers that complain: path MTU. */
#include "bytes.h"
#include "checksum.h"
#include "endpoint_fixture.h"

static void give_too_big_to(struct ftun_address destination, uint32_t sequence, uint16_t mtu)
{
    uint8_t packet[100];
    const struct ftun_segment quoted = {
        .tuple = {.local = at(config.local4, own_port), .remote = config.remote},
        .tcp = {.sequence = sequence, .flags = FTUN_ACK},
        .ttl = 60,
        .payload_len = 1000,
    };
    const struct ftun_ip_header ip = {.source = ipv4(10, 9, 9, 9),
                                      .destination = destination,
                                      .protocol = FTUN_PROTOCOL_ICMP,
                                      .ttl = 64,
                                      .payload_len = 8 + 40};
    uint8_t *icmp = packet + ftun_ip_emit(&ip, packet);
    memset(icmp, 0, 8);
    icmp[0] = 3;
    icmp[1] = 4;
    ftun_store_be16(icmp + 6, mtu);
    ftun_segment_emit(&quoted, FTUN_CHECKSUM_PARTIAL, 0, icmp + 8);
    ftun_store_be16(icmp + 2, (uint16_t)~ftun_sum(icmp, 48));
    const struct ftun_tunnel_packet tunnel_packet = {.data = packet, .len = 20 + 48};
    ftun_endpoint_packet(endpoint, now, &tunnel_packet, &actions);
}

static void give_too_big(uint32_t sequence, uint16_t mtu)
{
    give_too_big_to(config.local4, sequence, mtu);
}

static void F21_too_big_lowers_the_flows_limit(void **state)
{
    (void)state;
    const uint32_t flow = established_client();
    send_datagrams(flow, 1460, 1460);
    happened();
    give_too_big(own_isn + 1, 1400);
    assert_string_equal(happened(), "mss flow 0 bytes 1360");
    send_datagrams(flow, 1361, 1361);
    assert_int_equal(refused(FTUN_REFUSED_DATAGRAM_TOO_LARGE), 1);
    give_too_big(own_isn + 1, 1450); /* never up again */
    assert_string_equal(happened(), "");
    give_too_big(own_isn + 1, 100); /* never below the least */
    assert_string_equal(happened(), "mss flow 0 bytes 512");
}

static void F21_too_big_is_believed_after_a_later_segment_was_acknowledged(void **state)
{
    (void)state;
    const uint32_t flow = established_client();
    send_datagrams(flow, 1460, 1460);
    send_datagrams(flow, 10, 10);
    happened();
    give(the_server(), FTUN_ACK, 5001, own_isn + 1 + 1470, ""); /* it came, the large one did not */
    give_too_big(own_isn + 1, 1400);
    assert_string_equal(happened(), "mss flow 0 bytes 1360");
}

static void F21_too_big_for_another_host_is_not_believed(void **state)
{
    (void)state;
    const uint32_t flow = established_client();
    send_datagrams(flow, 1460, 1460);
    happened();
    give_too_big_to(ipv4(10, 9, 9, 8), own_isn + 1, 1400);
    assert_string_equal(happened(), "");
    assert_int_equal(refused(FTUN_REFUSED_NOT_OURS_ADDRESS), 1);
}

static void F21_too_big_about_what_was_not_sent_is_not_believed(void **state)
{
    (void)state;
    const uint32_t flow = established_client();
    send_datagrams(flow, 1460, 1460);
    happened();
    give_too_big(own_isn + 5000, 600);
    give_too_big(own_isn - FTUN_LATE_WINDOW - 1, 600);
    own_port++;
    give_too_big(own_isn + 1, 600);
    assert_string_equal(happened(), "");
    assert_int_equal(refused(FTUN_REFUSED_NOT_OURS_ICMP), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(F21_too_big_lowers_the_flows_limit),
        cmocka_unit_test(F21_too_big_is_believed_after_a_later_segment_was_acknowledged),
        cmocka_unit_test(F21_too_big_for_another_host_is_not_believed),
        cmocka_unit_test(F21_too_big_about_what_was_not_sent_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, endpoint_tear_down);
}
