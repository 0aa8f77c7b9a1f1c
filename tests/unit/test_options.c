#include "address_text.h"
#include "options.h"
#include "unit.h"

#include <stdio.h>

static struct ftun_options options;
static struct ftun_error error;

static bool parse(enum ftun_role role, const char *line)
{
    static char copy[512], client[] = "client", server[] = "server";
    char *argv[32];
    int argc = 0;
    snprintf(copy, sizeof copy, "%s", line);
    argv[argc++] = role == FTUN_CLIENT ? client : server;
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    error.text[0] = '\0';
    return ftun_options_parse(argc, argv, role, &options, &error);
}

#define CLIENT "--local 127.0.0.1:1234 --remote host:4567 "
#define SERVER "--local 4567 --remote 127.0.0.1:51820 "

static void the_shortest_command_lines(void **state)
{
    (void)state;
    assert_true(parse(FTUN_CLIENT, CLIENT));
    const struct ftun_address localhost = ipv4(127, 0, 0, 1);
    assert_true(ftun_address_equal(&options.local.ip, &localhost));
    assert_int_equal(options.local.port, 1234);
    assert_string_equal(options.remote.host, "host");
    assert_int_equal(options.remote.port, 4567);
    assert_int_equal(options.remote.only, FTUN_FAMILY_NONE);
    assert_int_equal(options.remote.first, FTUN_FAMILY_NONE);
    assert_false(options.touch_nothing);
    assert_true(options.offload);
    assert_int_equal(options.busy_poll_ns, 0);
    assert_int_equal(options.timeouts.idle_ns, 180 * FTUN_SECOND);
    assert_true(parse(FTUN_SERVER, SERVER));
    assert_int_equal(options.local.port, 4567);
}

static void phantuns_command_lines(void **state)
{
    (void)state;
    assert_true(parse(FTUN_CLIENT, "-l 127.0.0.1:1 -r h:2 -4 --tun tun3 --tun-local 10.1.1.1 "
                                   "--tun-peer 10.1.1.2 --handshake-packet /tmp/file"));
    assert_int_equal(options.only, FTUN_IPV4);
    assert_string_equal(options.tun, "tun3");
    assert_string_equal(options.handshake_packet, "/tmp/file");
    const struct ftun_address own = ipv4(10, 1, 1, 2);
    assert_true(ftun_address_equal(&options.tun4.own, &own));
    assert_true(parse(FTUN_SERVER, "-l 4567 -r [::1]:2 --tun-local6 fd00::1 --tun-peer6 fd00::2"));
    assert_int_equal(options.tun6.host.family, FTUN_IPV6);
}

static void workers_are_a_number_or_as_many_as_processors(void **state)
{
    (void)state;
    assert_true(parse(FTUN_SERVER, SERVER "--workers 3"));
    assert_int_equal(ftun_options_workers(&options), 3);
    assert_true(parse(FTUN_SERVER, SERVER "--workers auto"));
    assert_int_equal(options.workers, 0);
    assert_in_range(ftun_options_workers(&options), 1, FTUN_WORKERS_MAX);
    assert_true(parse(FTUN_CLIENT, CLIENT));
    assert_int_equal(options.workers, 0);
}

static void a_profile_is_a_peer_by_another_name(void **state)
{
    (void)state;
    assert_true(parse(FTUN_CLIENT, CLIENT));
    assert_int_equal(options.peer, FTUN_PEER_AUTO);
    assert_false(options.timestamps);
    assert_true(parse(FTUN_CLIENT, CLIENT "--profile phantun"));
    assert_int_equal(options.peer, FTUN_PEER_PHANTUN);
    assert_true(parse(FTUN_CLIENT, CLIENT "--peer phantun --profile linux --timestamps"));
    assert_int_equal(options.peer, FTUN_PEER_FTUN);
    assert_true(options.timestamps);
}

static void busy_polling_is_in_microseconds_and_may_be_none(void **state)
{
    (void)state;
    assert_true(parse(FTUN_CLIENT, CLIENT "--busy-poll 50"));
    assert_int_equal(options.busy_poll_ns, 50000);
    assert_true(parse(FTUN_SERVER, SERVER "--busy-poll 50 --busy-poll 0"));
    assert_int_equal(options.busy_poll_ns, 0);
}

static void how_to_attach(void **state)
{
    (void)state;
    assert_true(parse(FTUN_CLIENT, CLIENT));
    assert_int_equal(options.attach, FTUN_ATTACHMENT_AUTO);
    assert_int_equal(options.choices.hook, FTUN_DIVERT_AUTO);
    assert_true(parse(FTUN_CLIENT, CLIENT "--attach divert --divert-hook clsact --mark 0x17 "
                                          "--ports 40000-40063 --dev eth0,ppp0 --dev wlan0"));
    assert_int_equal(options.attach, FTUN_ATTACHMENT_DIVERT);
    assert_int_equal(options.choices.hook, FTUN_DIVERT_CLSACT);
    assert_int_equal(options.choices.mark, 0x17);
    assert_int_equal(options.choices.ports.first, 40000);
    assert_int_equal(options.choices.ports.last, 40063);
    assert_int_equal(options.choices.link_count, 3);
    assert_string_equal(options.choices.links[1], "ppp0");
    assert_string_equal(options.choices.links[2], "wlan0");
}

static void who_may_come_is_networks_of_both_families(void **state)
{
    (void)state;
    const struct ftun_address four = ipv4(192, 0, 2, 128), six = ipv6(0), one = ipv4(10, 0, 0, 7);
    assert_true(parse(FTUN_SERVER, SERVER "--allow-from 192.0.2.255/25,2001:db8::7/32 "
                                          "--allow-from 10.0.0.7"));
    assert_int_equal(options.choices.prefix_count, 3);
    assert_true(ftun_address_equal(&options.choices.allow_from[0].address, &four));
    assert_int_equal(options.choices.allow_from[0].len, 25);
    assert_true(ftun_address_equal(&options.choices.allow_from[1].address, &six));
    assert_int_equal(options.choices.allow_from[1].len, 32);
    assert_true(ftun_address_equal(&options.choices.allow_from[2].address, &one));
    assert_int_equal(options.choices.allow_from[2].len, 32);
    assert_true(parse(FTUN_SERVER, SERVER "--allow-from 0.0.0.0/0"));
    assert_int_equal(options.choices.allow_from[0].len, 0);
}

static void each_mistake_gets_one_line_that_names_it(void **state)
{
    (void)state;
    static const struct {
        enum ftun_role role;
        const char *line;
        const char *said;
    } rows[] = {
        {FTUN_CLIENT, "", "--local is missing"},
        {FTUN_CLIENT, "--local 127.0.0.1:1234", "--remote is missing"},
        {FTUN_CLIENT, CLIENT "--foo", "unknown option --foo"},
        {FTUN_CLIENT, CLIENT "-x", "unknown option -x"},
        {FTUN_CLIENT, CLIENT "--tun", "--tun wants a value"},
        {FTUN_CLIENT, CLIENT "extra", "unexpected argument extra"},
        {FTUN_CLIENT, "--local 1234", "wants ADDRESS:PORT"},
        {FTUN_CLIENT, "--local 127.0.0.1:0", "wants ADDRESS:PORT"},
        {FTUN_CLIENT, "--local 127.0.0.1:65536", "wants ADDRESS:PORT"},
        {FTUN_CLIENT, "--local ::1:1234", "wants ADDRESS:PORT"},
        {FTUN_CLIENT, "--local 127.0.0.1:12 --remote host", "wants HOST:PORT"},
        {FTUN_SERVER, "--local 127.0.0.1:4567", "wants a TCP port"},
        {FTUN_SERVER, "--local 0", "wants a TCP port"},
        {FTUN_SERVER, "--local +5", "wants a TCP port"},
        {FTUN_CLIENT, CLIENT "--tun-local 10.0.0.1", "belong together"},
        {FTUN_CLIENT, CLIENT "--tun-local fd00::1", "wants an IPv4 address"},
        {FTUN_CLIENT, CLIENT "--tun-local6 10.0.0.1", "wants an IPv6 address"},
        {FTUN_CLIENT, CLIENT "-4 --tun-local6 fd00::1 --tun-peer6 fd00::2", "contradict"},
        {FTUN_CLIENT, CLIENT "-6 --tun-local 10.1.1.1 --tun-peer 10.1.1.2", "contradict"},
        {FTUN_CLIENT, CLIENT "-4 -6", "contradict"},
        {FTUN_CLIENT, CLIENT "--prefer 4", "ipv4, ipv6"},
        {FTUN_CLIENT, CLIENT "--tun a/b", "interface name"},
        {FTUN_CLIENT, CLIENT "--tun abcdefghijklmnop", "interface name"},
        {FTUN_CLIENT, CLIENT "--setup maybe", "--setup knows no \"maybe\"; it takes one of: auto"},
        {FTUN_CLIENT, CLIENT "--peer other", "auto, ftun, phantun"},
        {FTUN_CLIENT, CLIENT "--profile other", "auto, linux, phantun"},
        {FTUN_CLIENT, CLIENT "--timestamps --profile phantun", "contradict"},
        {FTUN_CLIENT, CLIENT "--log loud", "error, warning, info, debug"},
        {FTUN_CLIENT, CLIENT "--offload on", "auto, off"},
        {FTUN_CLIENT, CLIENT "--busy-poll long", "number from 1 to 1000000"},
        {FTUN_CLIENT, CLIENT "--busy-poll 1000001", "number from 1 to 1000000"},
        {FTUN_CLIENT, CLIENT "--idle-timeout 0", "number from 1"},
        {FTUN_CLIENT, CLIENT "--idle-timeout ten", "number from 1"},
        {FTUN_CLIENT, CLIENT "--max-flows -1", "number from 1"},
        {FTUN_CLIENT, CLIENT "--workers 0", "number from 1 to 64"},
        {FTUN_SERVER, SERVER "--workers 65", "number from 1 to 64"},
        {FTUN_SERVER, SERVER "--workers many", "number from 1 to 64"},
        {FTUN_SERVER, SERVER "--max-flows-per-source 0", "number from 1"},
        {FTUN_SERVER, SERVER "--upstream-sockets one", "auto, each, shared"},
        {FTUN_CLIENT, CLIENT "--upstream-sockets each", "is for a server"},
        {FTUN_CLIENT, CLIENT "--max-flows-per-source 5", "is for a server"},
        {FTUN_SERVER, SERVER "--keepalive off", "is for clients"},
        {FTUN_SERVER, SERVER "--timestamps", "is for clients"},
        {FTUN_SERVER, SERVER "--prefer ipv4", "is for clients"},
        {FTUN_SERVER, SERVER "--peer ftun", "is for clients"},
        {FTUN_SERVER, SERVER "--profile phantun", "is for clients"},
        {FTUN_CLIENT, CLIENT "--attach bridge", "auto, divert, nat"},
        {FTUN_CLIENT, CLIENT "--divert-hook xdp", "auto, tcx, clsact"},
        {FTUN_CLIENT, CLIENT "--dev eth0,", "--dev wants"},
        {FTUN_CLIENT, CLIENT "--dev abcdefghijklmnop", "--dev wants"},
        {FTUN_SERVER, SERVER "--allow-from 192.0.2.0/33", "--allow-from wants"},
        {FTUN_SERVER, SERVER "--allow-from 192.0.2.0/24,somewhere", "--allow-from wants"},
        {FTUN_SERVER, SERVER "--allow-from 192.0.2.0/", "--allow-from wants"},
        {FTUN_CLIENT, CLIENT "--allow-from 192.0.2.0/24", "is for a server"},
        {FTUN_CLIENT, CLIENT "--ports 40000", "--ports wants FIRST-LAST"},
        {FTUN_CLIENT, CLIENT "--ports 40000-40062", "at least 64"},
        {FTUN_CLIENT, CLIENT "--ports 65000-65536", "--ports wants"},
        {FTUN_SERVER, SERVER "--ports 40000-44095", "is for clients"},
        {FTUN_CLIENT, CLIENT "--mark 0", "--mark wants"},
        {FTUN_CLIENT, CLIENT "--mark 0x100000000", "--mark wants"},
        {FTUN_CLIENT, CLIENT "--mark 1x", "--mark wants"},
        {FTUN_CLIENT, CLIENT "--setup none --attach divert", "leave one of them out"},
        {FTUN_SERVER, SERVER "--setup none --allow-from ::/0", "ftun rules prints"},
        {FTUN_SERVER, SERVER "--setup none --dev eth0", "ftun rules prints"},
        {FTUN_CLIENT, CLIENT "--setup none --mark 1", "ftun rules prints"},
        {FTUN_CLIENT, CLIENT "--attach nat --divert-hook tcx", "contradict"},
        {FTUN_CLIENT, CLIENT "--attach nat --dev eth0", "routes decide"},
        {FTUN_CLIENT, CLIENT "--attach divert --tun-local 10.1.1.1 --tun-peer 10.1.1.2",
         "needs no addresses"},
        {FTUN_CLIENT, CLIENT "--max-flows 99999999999999999999", "number from 1"},
    };
    for (size_t i = 0; i < LENGTH(rows); i++) {
        assert_false(parse(rows[i].role, rows[i].line));
        if (strstr(error.text, rows[i].said) == NULL)
            fail_msg("\"%s\": \"%s\" is not in \"%s\"", rows[i].line, rows[i].said, error.text);
    }
}

static void help_is_understood_whatever_else_is_missing(void **state)
{
    (void)state;
    assert_true(parse(FTUN_CLIENT, "--help"));
    assert_true(options.help);
}

static struct ftun_attachment_plan plan_of(enum ftun_role role, const char *line,
                                           struct ftun_address server)
{
    const struct ftun_remotes remotes = {.count = 1, .at = {at(server, 2)}};
    assert_true(parse(role, line));
    return ftun_options_plan(&options, &remotes);
}

static void the_plan_follows_the_families(void **state)
{
    (void)state;
    const struct ftun_address four = ipv4(192, 0, 2, 1);
    struct ftun_attachment_plan plan =
        plan_of(FTUN_CLIENT, "--local 127.0.0.1:1 --remote [2001:db8::1]:2", ipv6(1));
    assert_true(plan.ipv6 && !plan.ipv4);
    plan = plan_of(FTUN_CLIENT, "--local 127.0.0.1:1 --remote 192.0.2.1:2", four);
    assert_true(plan.ipv4 && !plan.ipv6);
    assert_int_equal(plan.remotes.count, 1);
    plan = plan_of(FTUN_SERVER, SERVER "-4 --setup none", four);
    assert_true(plan.ipv4 && !plan.ipv6);
    assert_int_equal(plan.kind, FTUN_ATTACHMENT_MANUAL);
    plan = plan_of(FTUN_SERVER, SERVER "-6", four);
    assert_true(plan.ipv6 && !plan.ipv4);
}

static void a_name_may_have_addresses_of_both_families_unless_one_is_excluded(void **state)
{
    (void)state;
    const struct ftun_address four = ipv4(192, 0, 2, 1);
    assert_true(plan_of(FTUN_CLIENT, CLIENT, ipv6(1)).ipv4);
    struct ftun_attachment_plan plan = plan_of(FTUN_CLIENT, CLIENT "-4", four);
    assert_true(plan.ipv4 && !plan.ipv6);
    plan = plan_of(FTUN_CLIENT, CLIENT "--ipv6-only", ipv6(1));
    assert_true(plan.ipv6 && !plan.ipv4);
}

static void a_client_asks_for_the_families_that_it_is_to_use(void **state)
{
    (void)state;
    assert_true(parse(FTUN_CLIENT, CLIENT "-6 --prefer ipv4"));
    assert_int_equal(options.remote.only, FTUN_IPV6);
    assert_int_equal(options.remote.first, FTUN_IPV4);
    assert_true(parse(FTUN_SERVER, SERVER "-6"));
    assert_int_equal(options.remote.only, FTUN_FAMILY_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shortest_command_lines),
        cmocka_unit_test(phantuns_command_lines),
        cmocka_unit_test(workers_are_a_number_or_as_many_as_processors),
        cmocka_unit_test(a_profile_is_a_peer_by_another_name),
        cmocka_unit_test(busy_polling_is_in_microseconds_and_may_be_none),
        cmocka_unit_test(how_to_attach),
        cmocka_unit_test(who_may_come_is_networks_of_both_families),
        cmocka_unit_test(each_mistake_gets_one_line_that_names_it),
        cmocka_unit_test(help_is_understood_whatever_else_is_missing),
        cmocka_unit_test(the_plan_follows_the_families),
        cmocka_unit_test(a_name_may_have_addresses_of_both_families_unless_one_is_excluded),
        cmocka_unit_test(a_client_asks_for_the_families_that_it_is_to_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
