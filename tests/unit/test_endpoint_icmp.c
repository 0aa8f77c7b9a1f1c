/* Routers that complain. */
#include "bytes.h"
#include "checksum.h"
#include "endpoint_fixture.h"

/* The segment of our flow that a router complains about. */
static struct ftun_segment segment(uint32_t sequence)
{
    return (struct ftun_segment){
        .tuple = {.local = the_server().to, .remote = the_server().address},
        .tcp = {.sequence = sequence, .flags = FTUN_ACK},
        .ttl = 60,
        .payload_len = 1000,
    };
}

static void give_error_to(struct ftun_address destination, uint8_t type, uint8_t code,
                          uint32_t sequence, uint32_t mtu)
{
    uint8_t packet[FTUN_IPV6_HEADER + FTUN_ICMP_HEADER + FTUN_HEADERS_MAX];
    const bool v6 = config.path.remote.ip.family == FTUN_IPV6;
    const struct ftun_segment quoted = segment(sequence);
    struct ftun_ip_header ip = {.source = v6 ? ipv6(99) : ipv4(10, 9, 9, 9),
                                .destination = destination,
                                .protocol = v6 ? FTUN_PROTOCOL_ICMPV6 : FTUN_PROTOCOL_ICMP,
                                .ttl = 64};
    uint8_t *icmp = packet + ftun_ip_header_len(v6 ? FTUN_IPV6 : FTUN_IPV4);
    icmp[0] = type;
    icmp[1] = code;
    ftun_store_be16(icmp + 2, 0);
    ftun_store_be32(icmp + 4, mtu); /* IPv4 has it in the lower half */
    ip.payload_len = FTUN_ICMP_HEADER +
                     ftun_segment_emit(&quoted, FTUN_CHECKSUM_PARTIAL, 0, icmp + FTUN_ICMP_HEADER);
    const uint16_t pseudo =
        ftun_sum_pseudo_header(&ip.source, &ip.destination, FTUN_PROTOCOL_ICMPV6, ip.payload_len);
    const uint16_t sum = ftun_sum_add(ftun_sum(icmp, ip.payload_len), v6 ? pseudo : 0);
    ftun_store_be16(icmp + 2, (uint16_t)~sum);
    const struct ftun_tunnel_packet tunnel_packet = {
        .data = packet, .len = ftun_ip_emit(&ip, packet) + ip.payload_len};
    ftun_endpoint_packet(endpoint, now, &tunnel_packet, &actions);
}

static void give_error(uint8_t type, uint8_t code, uint32_t sequence, uint32_t mtu)
{
    give_error_to(the_server().to.ip, type, code, sequence, mtu);
}

static void give_too_big(uint32_t sequence, uint32_t mtu)
{
    if (config.path.remote.ip.family == FTUN_IPV6)
        give_error(2, 0, sequence, mtu);
    else
        give_error(3, 4, sequence, mtu);
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
    give_too_big(own_isn + 1, 1400); /* once is enough */
    assert_string_equal(happened(), "");
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

/* Who sees nothing of the flow has to guess what is in flight, not what the last 4 MiB were. */
static void F21_too_big_about_what_was_acknowledged_long_ago_is_not_believed(void **state)
{
    (void)state;
    const uint32_t flow = established_client();
    uint32_t next = own_isn + 1;
    for (int second = 0; second < 4; second++) {
        send_datagrams(flow, 1460, 1460);
        happened();
        next += 1460;
        now += FTUN_ACK_MEMORY;
        give(the_server(), FTUN_ACK, 5001, next, "");
    }
    give_too_big(own_isn, 600);
    assert_string_equal(happened(), "");
    assert_int_equal(refused(FTUN_REFUSED_NOT_OURS_ICMP), 1);
    give_too_big(next - 1460, 1400);
    assert_string_equal(happened(), "mss flow 0 bytes 1360");
}

static void F21_too_big_for_another_host_is_not_believed(void **state)
{
    (void)state;
    const uint32_t flow = established_client();
    send_datagrams(flow, 1460, 1460);
    happened();
    give_error_to(ipv4(10, 9, 9, 8), 3, 4, own_isn + 1, 1400);
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

static void F21_ipv6_paths_are_never_below_1280(void **state)
{
    (void)state;
    struct ftun_endpoint_config c = client_config();
    c.path = path_to(at(ipv6(2), 4567));
    const uint32_t flow = established_client_of(c);
    send_datagrams(flow, 1440, 1440);
    happened();
    give_too_big(own_isn + 1, 1400);
    assert_string_equal(happened(), "mss flow 0 bytes 1340");
    give_too_big(own_isn + 1, 1279); /* RFC 8201 4: discarded */
    assert_string_equal(happened(), "");
    assert_int_equal(refused(FTUN_REFUSED_MALFORMED_ICMP_MTU), 1);
    give_too_big(own_isn + 1, 1280);
    assert_string_equal(happened(), "mss flow 0 bytes 1220");
}

static void F21_too_big_that_is_not_smaller_changes_nothing(void **state)
{
    (void)state;
    established_client();
    happened();
    give_too_big(own_isn, 1500);
    give_too_big(own_isn, 65535);
    assert_string_equal(happened(), "");
    assert_int_equal(refused(FTUN_REFUSED_NOT_OURS_ICMP), 0);
}

static void too_big_about_a_flow_that_has_ended_is_nobodys_concern(void **state)
{
    (void)state;
    const uint32_t flow = established_client();
    ftun_endpoint_close(endpoint, now, flow, &actions);
    happened();
    give_too_big(own_isn, 1400);
    assert_string_equal(happened(), "");
}

/* RFC 5461 2: soft errors. A forged one must not end a flow. */
static void unreachable_ends_no_flow(void **state)
{
    (void)state;
    dialing_client_of(client_config());
    for (uint8_t code = 0; code <= 15; code++)
        if (code != 4)
            give_error(3, code, own_isn, 0);
    assert_string_equal(happened(), "");
    assert_int_equal(refused(FTUN_REFUSED_NOT_OURS_ICMP), 0);
    give(the_server(), FTUN_SYN | FTUN_ACK, 5000, own_isn + 1, "");
    assert_string_equal(happened(), "> . 1:1(0) ack 5001 win 63 | "
                                    "established flow 0 profile linux mss 1460");
    give_error(3, 3, own_isn, 0);
    assert_string_equal(happened(), "");
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 1);
}

/* An ACK has the sequence number of the data that would come next. */
static void an_error_about_our_last_ack_is_ours(void **state)
{
    (void)state;
    const uint32_t flow = established_client();
    send_datagrams(flow, 10, 10);
    happened();
    give_error(3, 3, own_isn + 11, 0);
    assert_int_equal(refused(FTUN_REFUSED_NOT_OURS_ICMP), 0);
    give_error(3, 3, own_isn + 12, 0);
    assert_int_equal(refused(FTUN_REFUSED_NOT_OURS_ICMP), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(F21_too_big_lowers_the_flows_limit),
        cmocka_unit_test(F21_too_big_is_believed_after_a_later_segment_was_acknowledged),
        cmocka_unit_test(F21_too_big_about_what_was_acknowledged_long_ago_is_not_believed),
        cmocka_unit_test(F21_too_big_for_another_host_is_not_believed),
        cmocka_unit_test(F21_too_big_about_what_was_not_sent_is_not_believed),
        cmocka_unit_test(F21_ipv6_paths_are_never_below_1280),
        cmocka_unit_test(F21_too_big_that_is_not_smaller_changes_nothing),
        cmocka_unit_test(too_big_about_a_flow_that_has_ended_is_nobodys_concern),
        cmocka_unit_test(unreachable_ends_no_flow),
        cmocka_unit_test(an_error_about_our_last_ack_is_ours),
    };
    return cmocka_run_group_tests(tests, NULL, endpoint_tear_down);
}
