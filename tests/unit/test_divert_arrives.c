/* What the program on the host's links takes to the TUN. VLAN tags cannot be shown to it here:
 * tests/e2e do. */
#include "divert_fixture.h"

#include "bytes.h"
#include "divert_state.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const int versions[] = {FTUN_IPV4, FTUN_IPV6};

enum { SYN_PER_SECOND = 30000, SYN_AT_ONCE = 500 };

static void a_server_gets_what_goes_to_its_port(void **state)
{
    (void)state;
    load_divert(divert_server());
    for (size_t i = 0; i < LENGTH(versions); i++) {
        const struct made packet = to_server(versions[i]);
        assert_int_equal(arrives(&packet), TAKE);
    }
    assert_int_equal(divert_counted().taken, 2);
}

static void other_ports_pass(void **state)
{
    (void)state;
    load_divert(divert_server());
    for (int i = 0; i < 2; i++) {
        const struct made next = segment(at(there[i], PORT), at(here[i], PORT + 1), FTUN_ACK);
        const struct made answer = segment(at(there[i], PORT), at(here[i], CLIENT_PORT), FTUN_ACK);
        assert_int_equal(arrives(&next), PASS);
        assert_int_equal(arrives(&answer), PASS);
    }
    assert_int_equal(divert_counted().taken, 0);
}

static void what_the_host_forwards_passes(void **state)
{
    (void)state;
    load_divert(divert_server());
    for (int i = 0; i < 2; i++) {
        const struct made packet = segment(at(here[i], 5000), at(there[i], PORT), FTUN_ACK);
        assert_int_equal(arrives(&packet), PASS);
    }
}

static void what_a_bridge_or_a_promiscuous_link_overhears_passes(void **state)
{
    (void)state;
    load_divert(divert_server());
    const struct made packet = to_server(FTUN_IPV4);
    assert_int_equal(arrives_for_other(&packet), PASS);
}

static void frames_of_other_protocols_pass(void **state)
{
    (void)state;
    static const uint16_t ethertypes[] = {0x0806, 0x8100, 0x8847, 0x88a8, 0, 0xffff};
    load_divert(divert_server());
    for (size_t i = 0; i < LENGTH(versions); i++) {
        const struct made packet = to_server(versions[i]);
        for (size_t k = 0; k < LENGTH(ethertypes); k++)
            assert_int_equal(arrives_as(&packet, ethertypes[k]), PASS);
    }
    struct made packet = to_server(FTUN_IPV4);
    packet.bytes[0] = 0x65;
    assert_int_equal(arrives_as(&packet, 0x0800), PASS);
    packet = to_server(FTUN_IPV6);
    packet.bytes[0] = 0x45;
    assert_int_equal(arrives_as(&packet, 0x86dd), PASS);
}

static void udp_to_the_same_port_passes(void **state)
{
    (void)state;
    load_divert(divert_server());
    struct made packet = to_server(FTUN_IPV4);
    packet.bytes[9] = FTUN_PROTOCOL_UDP;
    mend(&packet);
    assert_int_equal(arrives(&packet), PASS);
    packet = to_server(FTUN_IPV6);
    packet.bytes[6] = FTUN_PROTOCOL_UDP;
    assert_int_equal(arrives(&packet), PASS);
}

static void a_client_gets_what_its_server_sends_to_its_ports(void **state)
{
    (void)state;
    load_divert(divert_client());
    for (int i = 0; i < 2; i++) {
        const struct ftun_divert_config config = divert_client();
        const struct ftun_socket_address server = at(there[i], PORT);
        const struct made first = segment(server, at(here[i], config.ports.first), FTUN_ACK);
        const struct made last = segment(server, at(here[i], config.ports.last), FTUN_ACK);
        const struct made below =
            segment(server, at(here[i], (uint16_t)(config.ports.first - 1)), FTUN_ACK);
        const struct made above =
            segment(server, at(here[i], (uint16_t)(config.ports.last + 1)), FTUN_ACK);
        assert_int_equal(arrives(&first), TAKE);
        assert_int_equal(arrives(&last), TAKE);
        assert_int_equal(arrives(&below), PASS);
        assert_int_equal(arrives(&above), PASS);
    }
}

static void what_others_send_to_a_clients_ports_passes(void **state)
{
    (void)state;
    load_divert(divert_client());
    for (int i = 0; i < 2; i++) {
        const struct made port = segment(at(there[i], 443), at(here[i], CLIENT_PORT), FTUN_ACK);
        const struct made host =
            segment(at(i ? ipv6(3) : ipv4(192, 0, 2, 3), PORT), at(here[i], CLIENT_PORT), FTUN_ACK);
        assert_int_equal(arrives(&port), PASS);
        assert_int_equal(arrives(&host), PASS);
    }
}

static void a_client_forgets_servers_that_it_has_no_more(void **state)
{
    (void)state;
    struct ftun_error error;
    struct ftun_remotes remotes = {0};
    load_divert(divert_client());
    ftun_remotes_add(&remotes, &(struct ftun_socket_address){there[1], PORT});
    assert_true(ftun_divert_set_remotes(divert, &remotes, &error));
    const struct made old = to_client(FTUN_IPV4), current = to_client(FTUN_IPV6);
    assert_int_equal(arrives(&old), PASS);
    assert_int_equal(arrives(&current), TAKE);
}

static void addresses_come_and_go(void **state)
{
    (void)state;
    struct ftun_error error;
    load_divert(divert_server());
    const struct made old = to_server(FTUN_IPV4), current = to_server(FTUN_IPV6);
    assert_true(ftun_divert_set_addresses(divert, &here[1], 1, &error));
    assert_int_equal(arrives(&old), PASS);
    assert_int_equal(arrives(&current), TAKE);
    assert_true(ftun_divert_set_addresses(divert, NULL, 0, &error));
    assert_int_equal(arrives(&current), PASS);
    assert_true(ftun_divert_set_addresses(divert, here, 2, &error));
    assert_int_equal(arrives(&old), TAKE);
}

static void headers_in_front_of_tcp_are_stepped_over(void **state)
{
    (void)state;
    static const uint8_t nops[40] = {[0 ... 39] = 1};
    static const uint8_t padding[16] = {0, 1, 1, 12};
    load_divert(divert_server());
    struct made packet = to_server(FTUN_IPV4);
    for (size_t len = 4; len <= sizeof nops; len += 4) {
        const struct made longer = with_options(&packet, nops, len);
        assert_int_equal(arrives(&longer), TAKE);
    }
    packet = to_server(FTUN_IPV6);
    for (unsigned count = 1; count <= FTUN_IPV6_EXTENSIONS_MAX; count++) {
        packet = with_extension(&packet, 60, padding, sizeof padding);
        assert_int_equal(arrives(&packet), TAKE);
    }
    packet = with_extension(&packet, 60, padding, sizeof padding);
    assert_int_equal(arrives(&packet), PASS); /* one more than ftun reads */
}

static void a_routing_header_with_segments_left_passes(void **state)
{
    (void)state;
    uint8_t routing[24] = {0, 2, 0, 0};
    load_divert(divert_server());
    const struct made packet = to_server(FTUN_IPV6);
    struct made routed = with_extension(&packet, 43, routing, sizeof routing);
    assert_int_equal(arrives(&routed), TAKE);
    routing[3] = 1;
    routed = with_extension(&packet, 43, routing, sizeof routing);
    assert_int_equal(arrives(&routed), PASS);
}

static void fragments_follow_the_first_one(void **state)
{
    (void)state;
    load_divert(divert_server());
    for (size_t i = 0; i < LENGTH(versions); i++) {
        const struct made packet = to_server(versions[i]);
        const struct made first = fragment(&packet, 99, 0, 16),
                          last = fragment(&packet, 99, 16, 12);
        const struct made stranger = fragment(&packet, 100, 16, 12);
        assert_int_equal(arrives(&last), PASS); /* before the first: nobody knows whose it is */
        assert_int_equal(arrives(&first), TAKE);
        assert_int_equal(arrives(&last), TAKE);
        assert_int_equal(arrives(&last), TAKE);
        assert_int_equal(arrives(&stranger), PASS);
    }
    assert_int_equal(divert_counted().taken, 6);
}

static void fragments_of_others_pass(void **state)
{
    (void)state;
    load_divert(divert_server());
    for (int i = 0; i < 2; i++) {
        const struct made packet = segment(at(there[i], CLIENT_PORT), at(here[i], 22), FTUN_ACK);
        const struct made first = fragment(&packet, 99, 0, 16),
                          last = fragment(&packet, 99, 16, 12);
        assert_int_equal(arrives(&first), PASS);
        assert_int_equal(arrives(&last), PASS);
    }
}

static void a_short_last_fragment_is_no_extension_header(void **state)
{
    (void)state;
    static const uint8_t padding[8] = {0, 0, 1, 4};
    load_divert(divert_server());
    const struct made packet = to_server(FTUN_IPV6);
    const struct made extended = with_extension(&packet, 60, padding, sizeof padding);
    const struct made first = fragment(&extended, 99, 0, 32), last = fragment(&extended, 99, 32, 4);
    assert_int_equal(arrives(&first), TAKE);
    assert_int_equal(arrives(&last), TAKE);
}

static void an_atomic_fragment_is_a_whole_packet(void **state)
{
    (void)state;
    load_divert(divert_server());
    const struct made packet = to_server(FTUN_IPV6);
    const struct made atomic = fragment(&packet, 99, 0, 28);
    assert_int_equal(arrives(&atomic), TAKE);
}

/* Time is the kernel's: the entry is made older instead. */
static void a_first_fragment_is_forgotten(void **state)
{
    (void)state;
    load_divert(divert_server());
    const struct made packet = to_server(FTUN_IPV4);
    const struct made first = fragment(&packet, 99, 0, 16), last = fragment(&packet, 99, 16, 12);
    const int map = bpf_object__find_map_fd_by_name(divert->object.bpf, "fragments");
    uint8_t key[64];
    uint64_t seen;
    assert_int_equal(arrives(&first), TAKE);
    assert_int_equal(bpf_map_get_next_key(map, NULL, key), 0);
    assert_int_equal(bpf_map_lookup_elem(map, key, &seen), 0);
    seen -= FTUN_REASSEMBLY_TIMEOUT;
    assert_int_equal(bpf_map_update_elem(map, key, &seen, BPF_ANY), 0);
    assert_int_equal(arrives(&last), PASS);
}

static void icmp_errors_about_the_tunnel_are_taken(void **state)
{
    (void)state;
    load_divert(divert_server());
    const struct made sent4 = from_server(FTUN_IPV4), sent6 = from_server(FTUN_IPV6);
    for (uint8_t code = 0; code < 16; code++) {
        const struct made error = error_about(&sent4, 3, code);
        assert_int_equal(arrives(&error), TAKE);
    }
    for (uint8_t type = 1; type <= 2; type++) {
        const struct made error = error_about(&sent6, type, 0);
        assert_int_equal(arrives(&error), TAKE);
    }
}

static void icmp_errors_about_a_clients_segments_are_taken(void **state)
{
    (void)state;
    load_divert(divert_client());
    for (int i = 0; i < 2; i++) {
        const struct made sent = segment(at(here[i], CLIENT_PORT), at(there[i], PORT), FTUN_ACK);
        const struct made other = segment(at(here[i], CLIENT_PORT), at(there[i], 80), FTUN_ACK);
        const struct made error = error_about(&sent, i ? 2 : 3, i ? 0 : 4);
        const struct made about_other = error_about(&other, i ? 2 : 3, i ? 0 : 4);
        assert_int_equal(arrives(&error), TAKE);
        assert_int_equal(arrives(&about_other), PASS);
    }
}

static void other_icmp_passes(void **state)
{
    (void)state;
    load_divert(divert_server());
    const struct made sent4 = from_server(FTUN_IPV4), sent6 = from_server(FTUN_IPV6);
    for (unsigned type = 0; type < 256; type++) {
        const struct made four = error_about(&sent4, (uint8_t)type, 0);
        const struct made six = error_about(&sent6, (uint8_t)type, 0);
        assert_int_equal(arrives(&four), type == 3 ? TAKE : PASS);
        assert_int_equal(arrives(&six), type == 1 || type == 2 ? TAKE : PASS);
    }
}

static void icmp_errors_about_others_pass(void **state)
{
    (void)state;
    load_divert(divert_server());
    for (int i = 0; i < 2; i++) {
        const struct made ssh = segment(at(here[i], 22), at(there[i], PORT), FTUN_ACK);
        const struct made forwarded = segment(at(there[i], PORT), at(here[i], 22), FTUN_ACK);
        const struct made sent = i ? from_server(FTUN_IPV6) : from_server(FTUN_IPV4);
        const struct made part = fragment(&sent, 99, 0, 16);
        const struct made about_ssh = error_about(&ssh, i ? 1 : 3, 0);
        const struct made about_forwarded = error_about(&forwarded, i ? 1 : 3, 0);
        const struct made about_part = error_about(&part, i ? 1 : 3, 0);
        const struct made about_ours = error_about(&sent, i ? 1 : 3, 0);
        const struct made part_of_error = fragment(&about_ours, 99, 0, i ? 64 : 48);
        assert_int_equal(arrives(&about_ssh), PASS);
        assert_int_equal(arrives(&about_forwarded), PASS);
        assert_int_equal(arrives(&about_part), PASS);
        assert_int_equal(arrives(&part_of_error), PASS);
    }
}

/* `needed`: what tells whose the packet is. The kernel's test run takes no less than an IP header.
 */
static void check_every_length(const struct made *packet, size_t needed)
{
    const size_t fewest = ftun_ip_header_len(packet->bytes[0] >> 4);
    for (size_t len = fewest; len <= packet->len; len++) {
        struct made cut = *packet;
        cut.len = len;
        assert_int_equal(arrives(&cut), len >= needed ? TAKE : PASS);
    }
}

static void what_is_cut_before_its_ports_passes(void **state)
{
    (void)state;
    static const uint8_t padding[8] = {0, 0, 1, 4};
    load_divert(divert_server());
    const struct made four = to_server(FTUN_IPV4), six = to_server(FTUN_IPV6);
    const struct made extended = with_extension(&six, 60, padding, sizeof padding);
    const struct made sent4 = from_server(FTUN_IPV4), sent6 = from_server(FTUN_IPV6);
    const struct made error4 = error_about(&sent4, 3, 4), error6 = error_about(&sent6, 2, 0);
    check_every_length(&four, 20 + 4);
    check_every_length(&six, 40 + 4);
    check_every_length(&extended, 40 + 8 + 4);
    check_every_length(&error4, 20 + 8 + 20 + 4);
    check_every_length(&error6, 40 + 8 + 40 + 4);
}

static void only_those_that_are_allowed_may_come(void **state)
{
    (void)state;
    const struct ftun_prefix prefixes[] = {{ipv4(192, 0, 2, 0), 30}, {ipv6(0), 126}};
    struct ftun_divert_config config = divert_server();
    config.allow_from = prefixes;
    config.allow_from_count = LENGTH(prefixes);
    load_divert(config);
    for (uint8_t last = 1; last < 8; last++) {
        const struct made four =
            segment(at(ipv4(192, 0, 2, last), CLIENT_PORT), at(here[0], PORT), FTUN_ACK);
        const struct made six = segment(at(ipv6(last), CLIENT_PORT), at(here[1], PORT), FTUN_ACK);
        assert_int_equal(arrives(&four), last < 4 ? TAKE : DROP);
        assert_int_equal(arrives(&six), last < 4 ? TAKE : DROP);
    }
    assert_int_equal(divert_counted().taken, 6);
    assert_int_equal(divert_counted().not_allowed, 8);
    const struct made ssh = segment(at(ipv4(192, 0, 2, 9), 5000), at(here[0], 22), FTUN_ACK);
    assert_int_equal(arrives(&ssh), PASS); /* no business of the tunnel's */
}

static void all_of_a_family_is_a_prefix_of_no_bits(void **state)
{
    (void)state;
    const struct ftun_prefix prefix = {ipv4(0, 0, 0, 0), 0};
    struct ftun_divert_config config = divert_server();
    config.allow_from = &prefix;
    config.allow_from_count = 1;
    load_divert(config);
    const struct made four = to_server(FTUN_IPV4), six = to_server(FTUN_IPV6);
    assert_int_equal(arrives(&four), TAKE);
    assert_int_equal(arrives(&six), DROP);
}

static void nobody_is_sent_fragments_who_is_not_allowed(void **state)
{
    (void)state;
    const struct ftun_prefix prefix = {ipv4(198, 51, 100, 0), 24};
    struct ftun_divert_config config = divert_server();
    config.allow_from = &prefix;
    config.allow_from_count = 1;
    load_divert(config);
    const struct made packet = to_server(FTUN_IPV4);
    const struct made first = fragment(&packet, 99, 0, 16), last = fragment(&packet, 99, 16, 12);
    assert_int_equal(arrives(&first), DROP);
    assert_int_equal(arrives(&last), PASS);
}

static uint64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * FTUN_SECOND + (uint64_t)now.tv_nsec;
}

/* However long the test takes: no more than the limit allows for that time. */
static void F07_handshakes_beyond_the_limit_are_dropped(void **state)
{
    (void)state;
    enum { COUNT = 200000 };
    load_divert(divert_server());
    const struct made syn = segment(at(there[0], CLIENT_PORT), at(here[0], PORT), FTUN_SYN);
    const struct made data = to_server(FTUN_IPV4);
    const uint64_t before = clock_ns();
    const uint64_t taken = arrives_times(&syn, COUNT);
    const uint64_t elapsed = clock_ns() - before;
    assert_in_range(taken, SYN_AT_ONCE, SYN_AT_ONCE + elapsed * SYN_PER_SECOND / FTUN_SECOND + 2);
    assert_int_equal(taken + divert_counted().flood, COUNT);
    assert_int_equal(arrives_times(&data, 5000), 5000);
}

/* The rest of the header comes with the next fragment. */
static void F07_handshakes_cut_before_their_flags_are_limited_too(void **state)
{
    (void)state;
    enum { COUNT = 50000 };
    load_divert(divert_server());
    const struct made syn = segment(at(there[0], CLIENT_PORT), at(here[0], PORT), FTUN_SYN);
    const struct made first = fragment(&syn, 99, 0, 8);
    const uint64_t before = clock_ns();
    const uint64_t taken = arrives_times(&first, COUNT);
    const uint64_t elapsed = clock_ns() - before;
    assert_in_range(taken, SYN_AT_ONCE, SYN_AT_ONCE + elapsed * SYN_PER_SECOND / FTUN_SECOND + 2);
    assert_int_equal(taken + divert_counted().flood, COUNT);
}

static void only_handshakes_are_limited(void **state)
{
    (void)state;
    static const uint8_t flags[] = {FTUN_SYN | FTUN_ACK, FTUN_RST, FTUN_FIN | FTUN_ACK, 0};
    load_divert(divert_server());
    for (size_t i = 0; i < LENGTH(flags); i++) {
        const struct made packet = segment(at(there[1], 1), at(here[1], PORT), flags[i]);
        assert_int_equal(arrives_times(&packet, 5000), 5000);
    }
}

static void answers_to_a_client_are_no_flood(void **state)
{
    (void)state;
    load_divert(divert_client());
    const struct made packet = segment(at(there[0], PORT), at(here[0], CLIENT_PORT), FTUN_SYN);
    assert_int_equal(arrives_times(&packet, 5000), 5000);
}

static void everything_passes_when_the_tun_is_gone(void **state)
{
    (void)state;
    const struct ftun_prefix nobody = {ipv4(203, 0, 113, 1), 32};
    struct ftun_divert_config config = divert_server();
    config.allow_from = &nobody;
    config.allow_from_count = 1;
    load_divert(config);
    const struct made packet = to_server(FTUN_IPV4);
    assert_int_equal(arrives(&packet), DROP);
    ftun_tun_close(&tun);
    assert_int_equal(arrives(&packet), PASS);
}

static void the_tunnels_own_is_dropped_while_ftun_makes_its_tun_anew(void **state)
{
    (void)state;
    load_divert(divert_server());
    divert->object.arrives = divert->object.arrives_tcx;
    const struct made ours = to_server(FTUN_IPV4);
    const struct made other = segment(at(there[0], 999), at(here[0], PORT + 1), FTUN_SYN);
    assert_int_equal(arrives(&ours), TAKE);
    ftun_tun_close(&tun);
    assert_int_equal(arrives(&ours), DROP);
    assert_int_equal(arrives(&other), PASS);
}

static void a_new_tun_gets_what_the_old_one_got(void **state)
{
    (void)state;
    struct ftun_error error;
    load_divert(divert_server());
    const struct made packet = to_server(FTUN_IPV4);
    const struct made first = fragment(&packet, 99, 0, 16), last = fragment(&packet, 99, 16, 12);
    assert_int_equal(arrives(&first), TAKE);
    ftun_tun_close(&tun);
    assert_int_equal(arrives(&last), PASS);
    assert_true(ftun_tun_open(&tun, NULL, false, false, &error));
    assert_true(ftun_divert_set_tun(divert, if_nametoindex(tun.name), &error));
    assert_int_equal(arrives(&packet), TAKE);
    assert_int_equal(arrives(&last), TAKE);
}

#define TEST(name) cmocka_unit_test_teardown(name, close_divert)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_server_gets_what_goes_to_its_port),
        TEST(other_ports_pass),
        TEST(what_the_host_forwards_passes),
        TEST(what_a_bridge_or_a_promiscuous_link_overhears_passes),
        TEST(frames_of_other_protocols_pass),
        TEST(udp_to_the_same_port_passes),
        TEST(a_client_gets_what_its_server_sends_to_its_ports),
        TEST(what_others_send_to_a_clients_ports_passes),
        TEST(a_client_forgets_servers_that_it_has_no_more),
        TEST(addresses_come_and_go),
        TEST(headers_in_front_of_tcp_are_stepped_over),
        TEST(a_routing_header_with_segments_left_passes),
        TEST(fragments_follow_the_first_one),
        TEST(fragments_of_others_pass),
        TEST(a_short_last_fragment_is_no_extension_header),
        TEST(an_atomic_fragment_is_a_whole_packet),
        TEST(a_first_fragment_is_forgotten),
        TEST(icmp_errors_about_the_tunnel_are_taken),
        TEST(icmp_errors_about_a_clients_segments_are_taken),
        TEST(other_icmp_passes),
        TEST(icmp_errors_about_others_pass),
        TEST(what_is_cut_before_its_ports_passes),
        TEST(only_those_that_are_allowed_may_come),
        TEST(all_of_a_family_is_a_prefix_of_no_bits),
        TEST(nobody_is_sent_fragments_who_is_not_allowed),
        TEST(F07_handshakes_beyond_the_limit_are_dropped),
        TEST(F07_handshakes_cut_before_their_flags_are_limited_too),
        TEST(only_handshakes_are_limited),
        TEST(answers_to_a_client_are_no_flood),
        TEST(everything_passes_when_the_tun_is_gone),
        TEST(the_tunnels_own_is_dropped_while_ftun_makes_its_tun_anew),
        TEST(a_new_tun_gets_what_the_old_one_got),
    };
    return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
