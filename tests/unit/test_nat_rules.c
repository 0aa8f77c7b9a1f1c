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
        cmocka_unit_test(the_table_is_named_after_the_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
