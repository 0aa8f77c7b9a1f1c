#include "bytes.h"
#include "checksum.h"
#include "trace.h"
#include "unit.h"

static char line[FTUN_TRACE_MAX];

static void a_segment_is_written_as_packetdrill_does(void **state)
{
    (void)state;
    struct ftun_action action = {.kind = FTUN_ACTION_SEND};
    struct ftun_segment *s = &action.send.segment;
    s->tuple.local = at(ipv4(10, 0, 0, 1), 1234);
    s->tuple.remote = at(ipv6(1), 80);
    s->tcp = (struct ftun_tcp_header){
        .sequence = 7,
        .window = 64240,
        .flags = FTUN_SYN,
        .options_len = 20,
        .options = {2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 3, 3, 10}};
    assert_string_equal(ftun_trace_action(&action, line, sizeof line),
                        "> 10.0.0.1:1234 [2001:db8::1]:80 S 7:7(0) win 64240 "
                        "<mss 1460,sackOK,TS val 1 ecr 2,nop,wscale 10>");
    s->tcp = (struct ftun_tcp_header){
        .sequence = 1, .acknowledgment = 9, .window = 5, .flags = FTUN_ACK | FTUN_PSH};
    s->payload_len = 250;
    action.send.stride = 100;
    assert_string_equal(ftun_trace_action(&action, line, sizeof line),
                        "> 10.0.0.1:1234 [2001:db8::1]:80 P. 1:251(3x100) ack 9 win 5");
}

static void a_packet_is_read_first(void **state)
{
    (void)state;
    uint8_t packet[FTUN_HEADERS_MAX];
    const struct ftun_segment s = {
        .tuple = {at(ipv4(10, 0, 0, 1), 1), at(ipv4(10, 0, 0, 2), 2)},
        .tcp = {.sequence = 3, .acknowledgment = 4, .flags = FTUN_RST | FTUN_ACK},
        .ttl = 64};
    const size_t len = ftun_segment_emit(&s, FTUN_CHECKSUM_FULL, 0, packet);
    struct ftun_tunnel_packet p = {.data = packet, .len = len};
    assert_string_equal(ftun_trace_packet(&p, line, sizeof line),
                        "< 10.0.0.1:1 10.0.0.2:2 R. 3:3(0) ack 4 win 0");
    p.len--;
    assert_string_equal(ftun_trace_packet(&p, line, sizeof line), "< truncated-ip");
}

static void a_fragment_is_written_with_its_place(void **state)
{
    (void)state;
    uint8_t packet[28] = {0x45, 0,    0,  28, 0, 7, 0x20, 1, 64, 6,
                          0x46, 0xd2, 10, 0,  0, 1, 10,   0, 0,  2};
    struct ftun_tunnel_packet p = {.data = packet, .len = sizeof packet};
    assert_string_equal(ftun_trace_packet(&p, line, sizeof line),
                        "< 10.0.0.1 10.0.0.2 fragment id 7 8:16 more");
    packet[6] = 0;
    packet[10] = 0x66; /* the checksum */
    assert_string_equal(ftun_trace_packet(&p, line, sizeof line),
                        "< 10.0.0.1 10.0.0.2 fragment id 7 8:16 last");
}

static void the_longest_line_fits(void **state)
{
    (void)state;
    struct ftun_action action = {.kind = FTUN_ACTION_SEND};
    struct ftun_segment *s = &action.send.segment;
    s->tuple.local = s->tuple.remote =
        at((struct ftun_address){.bytes = {0x11, 0x11, 0x22, 0x22, 0x33, 0x33, 0x44, 0x44, 0x55,
                                           0x55, 0x66, 0x66, 0x77, 0x77, 0x88, 0x88},
                                 .family = FTUN_IPV6},
           65535);
    s->tcp = (struct ftun_tcp_header){.sequence = UINT32_MAX,
                                      .acknowledgment = UINT32_MAX,
                                      .window = UINT16_MAX,
                                      .flags = 0xff,
                                      .options_len = 40};
    s->payload_len = 65435;
    action.send.stride = 1;
    memset(s->tcp.options, FTUN_TCP_OPTION_NOP, 40);
    ftun_trace_action(&action, line, sizeof line);
    assert_int_equal(line[strlen(line) - 1], '>');
    static const uint8_t wordiest[][10] = {{8, 10, 255, 255, 255, 255, 255, 255, 255, 255},
                                           {254, 2, 254, 2, 254, 2, 254, 2, 254, 2}};
    for (size_t kind = 0; kind < LENGTH(wordiest); kind++) {
        for (size_t i = 0; i < 4; i++)
            memcpy(s->tcp.options + 10 * i, wordiest[kind], 10);
        ftun_trace_action(&action, line, sizeof line);
        assert_int_equal(line[strlen(line) - 1], '>');
    }
}

static void an_unknown_option_is_named_by_its_number(void **state)
{
    (void)state;
    struct ftun_action action = {.kind = FTUN_ACTION_SEND};
    struct ftun_segment *s = &action.send.segment;
    s->tuple.local = s->tuple.remote = at(ipv4(10, 0, 0, 1), 1);
    s->tcp = (struct ftun_tcp_header){
        .flags = FTUN_SYN, .options_len = 8, .options = {254, 4, 9, 9, 1, 0, 2, 4}};
    assert_string_equal(ftun_trace_action(&action, line, sizeof line),
                        "> 10.0.0.1:1 10.0.0.1:1 S 0:0(0) win 0 <option 254,nop,eol>");
}

/* An ICMP error to 10.0.0.1 about its segment 1234 -> 10.0.0.2:80 with sequence number 99. */
static const char *trace_icmp(uint8_t code, uint16_t mtu)
{
    uint8_t packet[56] = {0};
    uint8_t *icmp = packet + 20, *quoted = icmp + 8, *tcp = quoted + 20;
    const struct ftun_ip_header segment = {.source = ipv4(10, 0, 0, 1),
                                           .destination = ipv4(10, 0, 0, 2),
                                           .protocol = FTUN_PROTOCOL_TCP,
                                           .payload_len = 20},
                                error = {.source = ipv4(10, 9, 9, 9),
                                         .destination = ipv4(10, 0, 0, 1),
                                         .protocol = FTUN_PROTOCOL_ICMP,
                                         .payload_len = 36};
    ftun_ip_emit(&error, packet);
    ftun_ip_emit(&segment, quoted);
    icmp[0] = 3;
    icmp[1] = code;
    ftun_store_be16(icmp + 6, mtu);
    ftun_store_be16(tcp, 1234);
    ftun_store_be16(tcp + 2, 80);
    ftun_store_be32(tcp + 4, 99);
    ftun_store_be16(icmp + 2, (uint16_t)~ftun_sum(icmp, 36));
    const struct ftun_tunnel_packet p = {.data = packet, .len = sizeof packet};
    return ftun_trace_packet(&p, line, sizeof line);
}

static void an_icmp_error_is_written_with_the_segment_it_is_about(void **state)
{
    (void)state;
    assert_string_equal(trace_icmp(4, 1400), "< icmp type 3 code 4 mtu 1400 about "
                                             "10.0.0.1:1234 10.0.0.2:80 sequence 99");
    assert_string_equal(trace_icmp(1, 0), "< icmp type 3 code 1 about "
                                          "10.0.0.1:1234 10.0.0.2:80 sequence 99");
}

static void each_other_action_is_a_line_in_words(void **state)
{
    (void)state;
    const struct ftun_action actions[] = {
        {.kind = FTUN_ACTION_DELIVER, .flow = 1, .deliver = {.len = 250, .stride = 100}},
        {.kind = FTUN_ACTION_OPEN,
         .flow = 2,
         .open.tuple = {at(ipv4(10, 0, 0, 1), 1), at(ipv6(2), 2)}},
        {.kind = FTUN_ACTION_ESTABLISHED,
         .flow = 3,
         .established = {.profile = &ftun_profile_phantun, .mss = 1400}},
        {.kind = FTUN_ACTION_MSS, .flow = 4, .mss.mss = 512},
        {.kind = FTUN_ACTION_RECONNECT, .flow = 6, .reconnect = {FTUN_CLOSED_RESET, 2}},
        {.kind = FTUN_ACTION_HAND_OVER, .hand_over = {.worker = 3, .len = 60}},
        {.kind = FTUN_ACTION_CLOSE, .flow = 5, .close.reason = FTUN_CLOSED_BY_PEER},
    };
    static const char *const lines[] = {
        "deliver flow 1 bytes 250 stride 100",
        "open flow 2 10.0.0.1:1 [2001:db8::2]:2",
        "established flow 3 profile phantun mss 1400",
        "mss flow 4 bytes 512",
        "reconnect flow 6 attempt 2: reset by the peer",
        "hand over to worker 3 bytes 60",
        "close flow 5: closed by the peer",
    };
    for (size_t i = 0; i < LENGTH(actions); i++)
        assert_string_equal(ftun_trace_action(&actions[i], line, sizeof line), lines[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_segment_is_written_as_packetdrill_does),
        cmocka_unit_test(a_packet_is_read_first),
        cmocka_unit_test(a_fragment_is_written_with_its_place),
        cmocka_unit_test(the_longest_line_fits),
        cmocka_unit_test(an_unknown_option_is_named_by_its_number),
        cmocka_unit_test(an_icmp_error_is_written_with_the_segment_it_is_about),
        cmocka_unit_test(each_other_action_is_a_line_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
