/* On loopback: each flow speaks to the application as somebody else, with a socket or without. */
#include "unit.h"
#include "upstream.h"

#include <errno.h>
#include <unistd.h>

enum { FLOWS = 8 };

static int application; /* a socket bound to 127.0.0.1 */
static struct ftun_socket_address target;
static struct ftun_upstream upstream;
static struct ftun_udp_batch *batch;

static uint16_t port_of(int fd)
{
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    getsockname(fd, (struct sockaddr *)&address, &len);
    return ntohs(address.sin_port);
}

static int udp_socket(struct in_addr address)
{
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    const struct sockaddr_in bound = {.sin_family = AF_INET, .sin_addr = address};
    assert_int_equal(bind(fd, (const struct sockaddr *)&bound, sizeof bound), 0);
    return fd;
}

static int set_up(void **state)
{
    (void)state;
    application = udp_socket((struct in_addr){htonl(INADDR_LOOPBACK)});
    target = at(ipv4(127, 0, 0, 1), port_of(application));
    batch = ftun_udp_batch_create();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ftun_upstream_destroy(&upstream);
    ftun_udp_batch_destroy(batch);
    close(application);
    return 0;
}

static void begin(uint32_t flows, uint32_t own_sockets)
{
    struct ftun_error error;
    assert_true(ftun_upstream_init(&upstream, &target, flows, own_sockets, &error));
}

static void deliver(uint32_t flow, const char *text)
{
    assert_int_equal(
        ftun_upstream_deliver(&upstream, flow, (const uint8_t *)text, strlen(text), strlen(text)),
        0);
}

/* What the application has received, and from where. */
static struct sockaddr_in heard(const char *expected)
{
    char got[64] = "";
    struct sockaddr_in from;
    socklen_t len = sizeof from;
    assert_int_equal(recvfrom(application, got, sizeof got, 0, (struct sockaddr *)&from, &len),
                     (ssize_t)strlen(expected));
    assert_string_equal(got, expected);
    return from;
}

static void say(int fd, const struct sockaddr_in *to, const char *text)
{
    assert_int_equal(sendto(fd, text, strlen(text), 0, (const struct sockaddr *)to, sizeof *to),
                     (ssize_t)strlen(text));
}

static size_t received(void)
{
    ftun_udp_taken strangers;
    const int count = ftun_upstream_receive_shared(&upstream, batch, &strangers);
    assert_true(count >= 0);
    return (size_t)(count - __builtin_popcountll(strangers));
}

static void each_flow_has_a_port_of_its_own_while_there_are_sockets(void **state)
{
    (void)state;
    begin(FLOWS, FLOWS);
    assert_int_equal(upstream.shared, -1);
    assert_true(ftun_upstream_open(&upstream, 0) >= 0);
    assert_true(ftun_upstream_open(&upstream, 1) >= 0);
    deliver(0, "zero");
    const struct sockaddr_in zero = heard("zero");
    deliver(1, "one");
    const struct sockaddr_in one = heard("one");
    assert_int_equal(zero.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    assert_int_equal(one.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    assert_int_not_equal(zero.sin_port, one.sin_port);
    say(application, &one, "answer");
    assert_int_equal(ftun_upstream_receive(&upstream, 0, batch), 0);
    assert_int_equal(ftun_upstream_receive(&upstream, 1, batch), 1);
    assert_int_equal(ftun_udp_message(batch, 0)->flow, 1);
}

/* F16: sockets run short; flows go on. */
static void F16_beyond_them_flows_share_one_and_have_an_address_each(void **state)
{
    (void)state;
    begin(FLOWS, 1);
    assert_true(ftun_upstream_open(&upstream, 0) >= 0);
    assert_int_equal(ftun_upstream_open(&upstream, 1), FTUN_SHARED_SOCKET);
    assert_int_equal(ftun_upstream_open(&upstream, 2), FTUN_SHARED_SOCKET);
    deliver(1, "one");
    const struct sockaddr_in one = heard("one");
    deliver(2, "two");
    const struct sockaddr_in two = heard("two");
    assert_int_equal(one.sin_port, two.sin_port);
    assert_int_not_equal(one.sin_addr.s_addr, two.sin_addr.s_addr);
    assert_int_equal(ntohl(one.sin_addr.s_addr) >> 22, 0x7f800000u >> 22);
    ftun_upstream_close(&upstream, 0);
    assert_true(ftun_upstream_open(&upstream, 3) >= 0); /* the place of flow 0 */
}

static void answers_find_their_flows(void **state)
{
    (void)state;
    begin(FLOWS, 0);
    struct sockaddr_in from[FLOWS];
    for (uint32_t flow = 0; flow < FLOWS; flow++) {
        ftun_upstream_open(&upstream, flow);
        deliver(flow, "ask");
        from[flow] = heard("ask");
    }
    static const uint32_t order[] = {3, 0, 3, 7, 3};
    for (size_t i = 0; i < LENGTH(order); i++)
        say(application, &from[order[i]], "answer");
    ftun_udp_taken taken;
    const int count = ftun_upstream_receive_shared(&upstream, batch, &taken);
    assert_int_equal(count, LENGTH(order));
    static const struct {
        uint32_t flow;
        size_t len;
    } bursts[] = {{3, 18}, {0, 6}, {7, 6}};
    for (size_t i = 0; i < LENGTH(bursts); i++) {
        struct ftun_slice slices[FTUN_UDP_MESSAGES_MAX];
        const struct ftun_udp_message *head;
        const struct ftun_burst burst =
            ftun_udp_next_burst(batch, (size_t)count, &taken, slices, &head);
        assert_int_equal(head->flow, bursts[i].flow);
        assert_int_equal(burst.len, bursts[i].len);
    }
    assert_false(ftun_udp_left((size_t)count, taken));
}

/* A kernel delivers to a socket bound to no address whatever is sent to its port. */
static void nobody_but_the_application_is_heard(void **state)
{
    (void)state;
    begin(FLOWS, 0);
    ftun_upstream_open(&upstream, 1);
    deliver(1, "ask");
    struct sockaddr_in flow = heard("ask");
    const int other_port = udp_socket((struct in_addr){htonl(INADDR_LOOPBACK)});
    say(other_port, &flow, "forged");
    assert_int_equal(received(), 0);
    flow.sin_addr.s_addr = htonl(INADDR_LOOPBACK); /* nobody's address */
    say(application, &flow, "astray");
    assert_int_equal(received(), 0);
    close(other_port);
}

static void what_comes_too_late_does_not_reach_the_next_flow_of_that_number(void **state)
{
    (void)state;
    begin(FLOWS, 0);
    ftun_upstream_open(&upstream, 5);
    deliver(5, "ask");
    const struct sockaddr_in before = heard("ask");
    ftun_upstream_close(&upstream, 5);
    say(application, &before, "late");
    assert_int_equal(received(), 0);
    ftun_upstream_open(&upstream, 5);
    say(application, &before, "later");
    assert_int_equal(received(), 0);
    deliver(5, "ask");
    const struct sockaddr_in after = heard("ask");
    assert_int_not_equal(before.sin_addr.s_addr, after.sin_addr.s_addr);
    say(application, &after, "answer");
    assert_int_equal(received(), 1);
}

static void every_number_has_an_address_up_to_the_largest_limit(void **state)
{
    (void)state;
    enum { MOST = 1 << 22 };
    begin(MOST, 0);
    ftun_upstream_open(&upstream, MOST - 1);
    deliver(MOST - 1, "ask");
    const struct sockaddr_in from = heard("ask");
    assert_int_equal(from.sin_addr.s_addr, htonl(0x7fbfffff)); /* 127.191.255.255 */
    say(application, &from, "answer");
    assert_int_equal(received(), 1);
}

/* F09, for flows that share: the next datagram may be another flow's. */
static void F09_a_refused_datagram_costs_no_other(void **state)
{
    (void)state;
    begin(FLOWS, 0);
    ftun_upstream_open(&upstream, 0);
    ftun_upstream_open(&upstream, 1);
    close(application);
    deliver(0, "ask"); /* answered by "port unreachable" */
    const struct sockaddr_in again = {.sin_family = AF_INET,
                                      .sin_port = htons(target.port),
                                      .sin_addr = {htonl(INADDR_LOOPBACK)}};
    application = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(application, (const struct sockaddr *)&again, sizeof again), 0);
    deliver(1, "go on");
    heard("go on");
    assert_int_equal(ftun_udp_take_refusals(upstream.shared), 1);
}

static void only_an_ipv4_loopback_upstream_can_be_shared(void **state)
{
    (void)state;
    struct ftun_socket_address elsewhere = at(ipv4(127, 9, 9, 9), 5);
    assert_true(ftun_upstream_can_share(&elsewhere));
    elsewhere = at(ipv4(192, 0, 2, 1), 5);
    assert_false(ftun_upstream_can_share(&elsewhere));
    elsewhere = at(ipv6(1), 5);
    assert_false(ftun_upstream_can_share(&elsewhere));
    elsewhere.ip.bytes[0] = 127;
    assert_false(ftun_upstream_can_share(&elsewhere));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_flow_has_a_port_of_its_own_while_there_are_sockets,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(F16_beyond_them_flows_share_one_and_have_an_address_each,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(answers_find_their_flows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_but_the_application_is_heard, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            what_comes_too_late_does_not_reach_the_next_flow_of_that_number, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_number_has_an_address_up_to_the_largest_limit, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(F09_a_refused_datagram_costs_no_other, set_up, tear_down),
        cmocka_unit_test(only_an_ipv4_loopback_upstream_can_be_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
