/* What becomes of what ftun writes to the TUN: another TUN is the link of the routes. That packets
 * arrive where they should is for tests/e2e. */
#include "divert_fixture.h"

#include "bytes.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    OUT_MTU = 1400,      /* bytes */
    FIT4 = OUT_MTU - 40, /* bytes of payload, behind headers without options */
    FIT6 = OUT_MTU - 60
};

static const int versions[] = {FTUN_IPV4, FTUN_IPV6};
static struct ftun_tun out;

/* The kernel makes the route to an IPv6 peer in a thread of its own: wait until it has. */
static void await_route(const struct ftun_address *destination)
{
    struct ftun_error error;
    struct ftun_route route = {0};
    const uint32_t link = if_nametoindex(out.name);
    const time_t last = time(NULL) + 20;
    while (!ftun_netlink_route(destination, 0, &route, &error) || route.link != link)
        if (time(NULL) > last)
            fail_msg("no route by %s", out.name);
}

/* There are routes to the peer, by `out`. */
static void load_divert_with_routes(struct ftun_divert_config config)
{
    struct ftun_error error;
    load_divert(config);
    if (!ftun_tun_open(&out, NULL, false, false, &error) ||
        !ftun_netlink_link_up(out.name, OUT_MTU, 1000, 0, &error) ||
        !ftun_netlink_add_address(out.name, &here[0], &there[0], &error) ||
        !ftun_netlink_add_address(out.name, &here[1], &there[1], &error))
        fail_msg("%s", error.text);
    await_route(&there[0]);
    await_route(&there[1]);
}

static int close_all(void **state)
{
    ftun_tun_close(&out);
    out.fd = -1;
    return close_divert(state);
}

/* As if it were that long: the programs believe the IP header. */
static struct made with_payload(int version, size_t payload)
{
    struct made packet = from_server(version);
    ftun_store_be16(packet.bytes + (version == FTUN_IPV4 ? 2 : 4),
                    (uint16_t)(payload + (version == FTUN_IPV4 ? 40 : 20)));
    return packet;
}

static void what_has_a_route_leaves(void **state)
{
    (void)state;
    load_divert_with_routes(divert_server());
    for (size_t i = 0; i < LENGTH(versions); i++) {
        const struct made packet = from_server(versions[i]);
        assert_int_equal(leaves(&packet, 0), TAKE);
    }
    assert_int_equal(divert_counted().left, 2);
}

static void what_has_no_route_is_dropped(void **state)
{
    (void)state;
    load_divert(divert_server());
    for (size_t i = 0; i < LENGTH(versions); i++) {
        const struct made packet = from_server(versions[i]);
        assert_int_equal(leaves(&packet, 0), DROP);
    }
    assert_int_equal(divert_counted().no_route, 2);
    assert_int_equal(divert_counted().left, 0);
}

/* iproute2's ip, in the test's namespace. */
static void ip(const char *arguments)
{
    char command[256];
    snprintf(command, sizeof command, "ip %s", arguments);
    assert_int_equal(system(command), 0);
}

/* Linux 6.10. */
static void the_mark_chooses_the_route(void **state)
{
    (void)state;
    struct ftun_divert_config config = divert_server();
    char route[128];
    load_divert_with_routes(config);
    snprintf(route, sizeof route, "route add 192.0.2.2 dev %s table 77", out.name);
    ip(route);
    snprintf(route, sizeof route, "-6 route add 2001:db8::2 dev %s table 77", out.name);
    ip(route);
    ip("rule add fwmark 99 table 77 pref 1");
    ip("-6 rule add fwmark 99 table 77 pref 1");
    ip("rule add unreachable pref 2");
    ip("-6 rule add unreachable pref 2");
    const struct made four = from_server(FTUN_IPV4), six = from_server(FTUN_IPV6);
    assert_int_equal(leaves(&four, 0), DROP);
    assert_int_equal(leaves(&six, 0), DROP);
    ftun_divert_close(divert);
    config.mark = 99;
    reload_divert(config);
    assert_int_equal(leaves(&four, 0), TAKE);
    assert_int_equal(leaves(&six, 0), TAKE);
    ip("rule del pref 1");
    ip("-6 rule del pref 1");
    ip("rule del pref 2");
    ip("-6 rule del pref 2");
}

static void what_is_no_segment_is_dropped(void **state)
{
    (void)state;
    load_divert_with_routes(divert_server());
    const struct made segment4 = from_server(FTUN_IPV4), segment6 = from_server(FTUN_IPV6);
    const struct made part4 = fragment(&segment4, 99, 0, 16),
                      part6 = fragment(&segment6, 99, 0, 16);
    const struct made error4 = error_about(&segment4, 3, 4);
    struct made udp = segment4, version = segment4;
    udp.bytes[9] = FTUN_PROTOCOL_UDP;
    version.bytes[0] = 0x55;
    const struct made *const all[] = {&part4, &part6, &error4, &udp, &version};
    for (size_t i = 0; i < LENGTH(all); i++)
        assert_int_equal(leaves(all[i], 0), DROP);
    assert_int_equal(divert_counted().not_ours, LENGTH(all));
}

static void what_is_cut_is_dropped(void **state)
{
    (void)state;
    load_divert_with_routes(divert_server());
    for (size_t i = 0; i < LENGTH(versions); i++) {
        struct made packet = from_server(versions[i]);
        const size_t ip = ftun_ip_header_len((enum ftun_family)versions[i]);
        for (packet.len = ip; packet.len < ip + 13; packet.len++)
            assert_int_equal(leaves(&packet, 0), DROP);
    }
    assert_int_equal(divert_counted().not_ours, 2 * 13);
}

static void a_segment_as_large_as_the_link_allows_leaves(void **state)
{
    (void)state;
    load_divert_with_routes(divert_server());
    const struct made four = with_payload(FTUN_IPV4, FIT4), six = with_payload(FTUN_IPV6, FIT6);
    assert_int_equal(leaves(&four, 0), TAKE);
    assert_int_equal(leaves(&six, 0), TAKE);
    const struct made super4 = with_payload(FTUN_IPV4, 60000),
                      super6 = with_payload(FTUN_IPV6, 60000);
    assert_int_equal(leaves(&super4, FIT4), TAKE);
    assert_int_equal(leaves(&super6, FIT6), TAKE);
}

static bool is_readable(int fd)
{
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    return poll(&wanted, 1, 0) == 1;
}

/* What ftun reads from the TUN; what else the host has sent there, it passes over. */
static struct ftun_icmp_error read_error(void)
{
    uint8_t buffer[FTUN_TUN_BUFFER];
    struct ftun_tunnel_packet packet;
    struct ftun_packet parsed;
    while (ftun_tun_read(&tun, buffer, &packet) == 1)
        if (ftun_packet_parse(packet.data, packet.len, false, &parsed) == FTUN_TAKEN &&
            parsed.kind == FTUN_PACKET_ICMP_ERROR)
            return parsed.icmp;
    fail_msg("nothing to read from the TUN");
    return (struct ftun_icmp_error){0};
}

static void F21_ftun_is_told_what_is_too_big(void **state)
{
    (void)state;
    load_divert_with_routes(divert_server());
    for (int i = 0; i < 2; i++) {
        const size_t fit = i ? FIT6 : FIT4;
        const struct made single = with_payload(versions[i], fit + 1);
        const struct made super = with_payload(versions[i], 60000);
        const struct made *const all[] = {&single, &super};
        for (size_t k = 0; k < LENGTH(all); k++) {
            assert_int_equal(leaves(all[k], k == 0 ? 0 : (uint32_t)fit + 1), DROP);
            assert_true(is_readable(ftun_divert_fd(divert)));
            ftun_divert_take_too_big(divert);
            assert_false(is_readable(ftun_divert_fd(divert)));
            const struct ftun_icmp_error error = read_error();
            assert_int_equal(error.kind, FTUN_ICMP_TOO_BIG);
            assert_int_equal(error.mtu, OUT_MTU);
            assert_int_equal(error.sequence, 1000);
            assert_true(ftun_tuple_equal(
                &error.tuple, &(struct ftun_tuple){at(here[i], PORT), at(there[i], CLIENT_PORT)}));
        }
    }
    assert_int_equal(divert_counted().too_big, 4);
}

static void a_super_segment_longer_than_ip_allows_is_dropped(void **state)
{
    (void)state;
    load_divert_with_routes(divert_server());
    const struct made packet = from_server(FTUN_IPV4);
    assert_int_equal(leaves(&packet, 65535), DROP);
    assert_int_equal(divert_counted().not_ours, 1);
}

static void too_many_that_are_too_big_are_dropped_all_the_same(void **state)
{
    (void)state;
    load_divert_with_routes(divert_server());
    const struct made packet = with_payload(FTUN_IPV4, FIT4 + 1);
    for (int i = 0; i < 3000; i++) /* more than the ring holds */
        assert_int_equal(leaves(&packet, 0), DROP);
    ftun_divert_take_too_big(divert);
    assert_int_equal(read_error().mtu, OUT_MTU);
    assert_int_equal(divert_counted().too_big, 3000);
}

#define TEST(name) cmocka_unit_test_teardown(name, close_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_has_a_route_leaves),
        TEST(what_has_no_route_is_dropped),
        TEST(what_is_no_segment_is_dropped),
        TEST(what_is_cut_is_dropped),
        TEST(a_segment_as_large_as_the_link_allows_leaves),
        TEST(F21_ftun_is_told_what_is_too_big),
        TEST(a_super_segment_longer_than_ip_allows_is_dropped),
        TEST(too_many_that_are_too_big_are_dropped_all_the_same),
        TEST(the_mark_chooses_the_route),
    };
    out.fd = -1;
    return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
