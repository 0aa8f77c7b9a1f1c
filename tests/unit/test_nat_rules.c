#include "nat_rules.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct ftun_nat_guard no_guard;

static struct ftun_attachment_plan plan_of(enum ftun_role role)
{
    return (struct ftun_attachment_plan){
        .role = role,
        .port = 4567,
        .ipv4 = true,
        .ipv6 = true,
        .tun4 = {ipv4(192, 168, 200, 1), ipv4(192, 168, 200, 2)},
        .tun6 = {ipv6(1), ipv6(2)},
    };
}

static void assert_nft(const struct ftun_attachment_plan *plan, const struct ftun_nat_guard *guard,
                       bool owned, const char *expected)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    ftun_nat_write_nft(out, plan, "ftun0", guard, owned);
    fclose(out);
    assert_string_equal(text, expected);
    free(text);
}

static void a_client_masquerades_and_shields_the_host_from_each_server_address(void **state)
{
    (void)state;
    struct ftun_attachment_plan plan = plan_of(FTUN_CLIENT);
    plan.remotes = (struct ftun_remotes){
        .count = 3,
        .at = {at(ipv4(10, 0, 0, 1), 443), at(ipv6(7), 443), at(ipv4(10, 0, 0, 2), 443)}};
    assert_nft(&plan, &no_guard, false,
               "table inet ftun_ftun0 {\n"
               "\tchain postrouting {\n"
               "\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
               "\t\tip saddr 192.168.200.2 oifname != \"ftun0\" masquerade\n"
               "\t\tip6 saddr 2001:db8::2 oifname != \"ftun0\" masquerade\n"
               "\t}\n"
               "\tchain input {\n"
               "\t\ttype filter hook input priority filter; policy accept;\n"
               "\t\tip saddr { 10.0.0.1, 10.0.0.2 } tcp sport 443 ct state invalid,new drop\n"
               "\t\tip6 saddr { 2001:db8::7 } tcp sport 443 ct state invalid,new drop\n"
               "\t}\n"
               "}\n");
}

static void a_client_of_one_family_has_no_rule_for_the_other(void **state)
{
    (void)state;
    struct ftun_attachment_plan plan = plan_of(FTUN_CLIENT);
    plan.ipv6 = false;
    plan.remotes = (struct ftun_remotes){.count = 1, .at = {at(ipv4(10, 0, 0, 1), 443)}};
    assert_nft(&plan, &no_guard, true,
               "table inet ftun_ftun0 {\n"
               "\tflags owner\n"
               "\tchain postrouting {\n"
               "\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
               "\t\tip saddr 192.168.200.2 oifname != \"ftun0\" masquerade\n"
               "\t}\n"
               "\tchain input {\n"
               "\t\ttype filter hook input priority filter; policy accept;\n"
               "\t\tip saddr { 10.0.0.1 } tcp sport 443 ct state invalid,new drop\n"
               "\t}\n"
               "}\n");
}

static void a_server_translates_its_port_and_guards_links(void **state)
{
    (void)state;
    struct ftun_attachment_plan plan = plan_of(FTUN_SERVER);
    const struct ftun_guarded_link links[] = {{.name = "eth0", .ipv4 = true, .ipv6 = true},
                                              {.name = "eth1", .ipv6 = true}};
    const struct ftun_nat_guard guard = {.links = links, .count = 2};
    assert_nft(
        &plan, &guard, true,
        "table inet ftun_ftun0 {\n"
        "\tflags owner\n"
        "\tchain flood {\n"
        "\t\ttype filter hook prerouting priority raw; policy accept;\n"
        "\t\tiifname != \"ftun0\" fib daddr type local tcp dport 4567 tcp flags & (syn | ack) == "
        "syn "
        "limit rate over 30000/second burst 500 packets counter drop\n"
        "\t}\n"
        "\tchain prerouting {\n"
        "\t\ttype nat hook prerouting priority dstnat; policy accept;\n"
        "\t\tiifname != \"ftun0\" fib daddr type local meta nfproto ipv4 tcp dport 4567 dnat "
        "ip to 192.168.200.2\n"
        "\t\tiifname != \"ftun0\" fib daddr type local meta nfproto ipv6 tcp dport 4567 dnat "
        "ip6 to 2001:db8::2\n"
        "\t}\n"
        "\tchain input {\n"
        "\t\ttype filter hook input priority filter; policy accept;\n"
        "\t\tiifname != \"lo\" tcp dport 4567 drop\n"
        "\t}\n"
        "\tchain forward {\n"
        "\t\ttype filter hook forward priority filter; policy accept;\n"
        "\t\tmeta nfproto ipv4 iifname \"eth0\" oifgroup != 26228 drop\n"
        "\t\tmeta nfproto ipv6 iifname \"eth0\" oifgroup != 26228 drop\n"
        "\t\tmeta nfproto ipv6 iifname \"eth1\" oifgroup != 26228 drop\n"
        "\t}\n"
        "}\n");
}

static void what_a_server_allows_comes_before_all_else(void **state)
{
    (void)state;
    struct ftun_attachment_plan plan = plan_of(FTUN_SERVER);
    plan.choices = (struct ftun_attachment_choices){
        .prefix_count = 2,
        .allow_from = {{ipv4(10, 0, 0, 0), 8}, {ipv4(192, 0, 2, 7), 32}},
        .link_count = 2,
        .links = {"eth0", "ppp0"},
        .mark = 0x17};
    assert_nft(
        &plan, &no_guard, false,
        "table inet ftun_ftun0 {\n"
        "\tset allowed4 {\n"
        "\t\ttype ipv4_addr; flags interval; auto-merge; elements = { 10.0.0.0/8, 192.0.2.7/32 };\n"
        "\t}\n"
        "\tchain allowed {\n"
        "\t\ttype filter hook prerouting priority raw - 1; policy accept;\n"
        "\t\tiifname { \"eth0\", \"ppp0\" } fib daddr type local meta nfproto ipv4 tcp dport 4567 "
        "ip saddr != @allowed4 counter drop\n"
        "\t\tiifname { \"eth0\", \"ppp0\" } fib daddr type local meta nfproto ipv6 tcp dport 4567 "
        "counter drop\n"
        "\t}\n"
        "\tchain flood {\n"
        "\t\ttype filter hook prerouting priority raw; policy accept;\n"
        "\t\tiifname { \"eth0\", \"ppp0\" } fib daddr type local tcp dport 4567 tcp flags & (syn | "
        "ack) == syn limit rate over 30000/second burst 500 packets counter drop\n"
        "\t}\n"
        "\tchain prerouting {\n"
        "\t\ttype nat hook prerouting priority dstnat; policy accept;\n"
        "\t\tiifname { \"eth0\", \"ppp0\" } fib daddr type local meta nfproto ipv4 tcp dport 4567 "
        "dnat ip to 192.168.200.2\n"
        "\t\tiifname { \"eth0\", \"ppp0\" } fib daddr type local meta nfproto ipv6 tcp dport 4567 "
        "dnat ip6 to 2001:db8::2\n"
        "\t}\n"
        "\tchain input {\n"
        "\t\ttype filter hook input priority filter; policy accept;\n"
        "\t\tiifname != \"lo\" tcp dport 4567 drop\n"
        "\t}\n"
        "\tchain marked {\n"
        "\t\ttype filter hook prerouting priority mangle; policy accept;\n"
        "\t\tiifname \"ftun0\" meta mark set 0x17\n"
        "\t}\n"
        "}\n");
}

static void a_client_masquerades_by_the_ports_that_are_chosen(void **state)
{
    (void)state;
    struct ftun_attachment_plan plan = plan_of(FTUN_CLIENT);
    plan.ipv6 = false;
    plan.choices.ports = (struct ftun_port_range){40000, 40063};
    assert_nft(&plan, &no_guard, false,
               "table inet ftun_ftun0 {\n"
               "\tchain postrouting {\n"
               "\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
               "\t\tip saddr 192.168.200.2 oifname != \"ftun0\" meta l4proto tcp masquerade to "
               ":40000-40063\n"
               "\t}\n"
               "\tchain input {\n"
               "\t\ttype filter hook input priority filter; policy accept;\n"
               "\t}\n"
               "}\n");
}

static void iptables_gets_a_rule_for_each_choice(void **state)
{
    (void)state;
    struct ftun_attachment_plan plan = plan_of(FTUN_SERVER);
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    plan.ipv6 = false;
    plan.choices = (struct ftun_attachment_choices){.prefix_count = 1,
                                                    .allow_from = {{ipv4(10, 0, 0, 0), 8}},
                                                    .link_count = 1,
                                                    .links = {"eth0"},
                                                    .mark = 7};
    ftun_nat_write_iptables(out, &plan, "ftun0");
    fclose(out);
    assert_string_equal(
        text, "iptables -t raw -A PREROUTING -i eth0 -m addrtype --dst-type LOCAL -p tcp --dport "
              "4567 -s 10.0.0.0/8 -j ACCEPT\n"
              "iptables -t raw -A PREROUTING -i eth0 -m addrtype --dst-type LOCAL -p tcp --dport "
              "4567 -j DROP\n"
              "iptables -t nat -A PREROUTING -i eth0 -m addrtype --dst-type LOCAL -p tcp --dport "
              "4567 -j DNAT --to-destination 192.168.200.2\n"
              "iptables -A INPUT ! -i lo -p tcp --dport 4567 -j DROP\n"
              "iptables -t mangle -A PREROUTING -i ftun0 -j MARK --set-mark 0x7\n"
              "iptables -A FORWARD -i ftun0 -j ACCEPT\n"
              "iptables -A FORWARD -o ftun0 -j ACCEPT\n");
    free(text);
}

static void the_table_is_named_after_the_device(void **state)
{
    (void)state;
    char table[FTUN_NAT_TABLE_MAX];
    assert_string_equal(ftun_nat_table("ftun7", table), "inet ftun_ftun7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_masquerades_and_shields_the_host_from_each_server_address),
        cmocka_unit_test(a_client_of_one_family_has_no_rule_for_the_other),
        cmocka_unit_test(a_server_translates_its_port_and_guards_links),
        cmocka_unit_test(what_a_server_allows_comes_before_all_else),
        cmocka_unit_test(a_client_masquerades_by_the_ports_that_are_chosen),
        cmocka_unit_test(iptables_gets_a_rule_for_each_choice),
        cmocka_unit_test(the_table_is_named_after_the_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
