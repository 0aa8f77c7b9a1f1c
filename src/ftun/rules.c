/* ftun rules: what the NAT attachment does, as commands to type; of divert, what it does itself. */
#include "commands.h"
#include "help.h"
#include "nat_rules.h"
#include "options.h"
#include "text.h"
#include "tun_addresses.h"

#include <stdio.h>
#include <string.h>

static void print_addresses(const char *tun, const struct ftun_tun_addresses *addresses)
{
    char host[FTUN_ADDRESS_TEXT], own[FTUN_ADDRESS_TEXT];
    ftun_address_string(&addresses->host, host);
    ftun_address_string(&addresses->own, own);
    printf("ip address add %s peer %s dev %s\n", host, own, tun);
}

static void print_tun(const struct ftun_attachment_plan *plan, const char *tun)
{
    printf("# 1. The TUN device, before ftun starts (ftun takes it with --tun %s):\n"
           "ip tuntap add dev %s mode tun vnet_hdr\n",
           tun, tun);
    if (plan->ipv4)
        print_addresses(tun, &plan->tun4);
    if (plan->ipv6) {
        print_addresses(tun, &plan->tun6);
        printf(
            "sysctl -w net.ipv6.conf.%s.keep_addr_on_down=1   # else gone once the link was down\n",
            tun);
    }
    printf("ip link set %s group %u mtu 65535 up\n", tun, FTUN_LINK_GROUP);
}

static void print_forwarding(const struct ftun_attachment_plan *plan, const char *tun)
{
    printf("\n# 2. Forwarding between it and the network interface (here called eth0):\n");
    if (plan->ipv4)
        printf("sysctl -w net.ipv4.conf.%s.forwarding=1 net.ipv4.conf.eth0.forwarding=1\n", tun);
    if (plan->ipv6)
        printf(
            "sysctl -w net.ipv6.conf.all.forwarding=1\n"
            "sysctl -w net.ipv6.conf.eth0.accept_ra=2   # else a forwarding host ignores them\n");
}

static void print_rules(struct ftun_attachment_plan *plan)
{
    const char *const tun = plan->tun_name != NULL ? plan->tun_name : "ftun0";
    if (plan->tun4.own.family == FTUN_FAMILY_NONE)
        plan->tun4 = ftun_tun_addresses_default(plan->role, FTUN_IPV4);
    if (plan->tun6.own.family == FTUN_FAMILY_NONE)
        plan->tun6 = ftun_tun_addresses_default(plan->role, FTUN_IPV6);
    print_tun(plan, tun);
    print_forwarding(plan, tun);
    printf("\n# 3. NAT, with nft (save the lines between the dashes as FILE, then: nft -f FILE):\n"
           "# ----\n");
    const struct ftun_nat_guard none = {0};
    ftun_nat_write_nft(stdout, plan, tun, &none, false);
    printf("# ----\n# or with iptables:\n");
    ftun_nat_write_iptables(stdout, plan, tun);
    printf("\n# 4. ftun %s --setup none --tun %s ...\n",
           plan->role == FTUN_CLIENT ? "client" : "server", tun);
}

/* Nothing can be typed for it: the programs are in ftun, and live with it. */
static void print_divert(const struct ftun_attachment_plan *plan)
{
    const bool server = plan->role == FTUN_SERVER;
    printf(
        "# --attach divert needs no rules: there is nothing to type. While it runs, ftun itself\n"
        "# - loads two BPF programs (Linux 5.10 or later) and hooks them into the ingress of the\n"
        "#   network interfaces and of its TUN: by tcx (Linux 6.6), else as filters of clsact\n"
        "#   (tc filter show dev eth0 ingress; bpftool net)\n"
        "# - sends by the host's routes: no addresses, no NAT, no forwarding of the host's\n");
    if (server)
        printf("# - keeps TCP port %u from other programs, with a socket that is bound to it\n",
               plan->port);
    else
        printf("# - keeps a block of TCP ports from the kernel's choice, in\n"
               "#   net.ipv4.ip_local_reserved_ports, and takes it out again\n");
    printf(
        "# It needs, until all is set up: CAP_NET_ADMIN (TUN, hooks, sysctls of the TUN), CAP_BPF\n"
        "# (programs, maps), CAP_NET_RAW (to tell itself of packets too big)%s.\n"
        "# Then it keeps CAP_NET_ADMIN alone (before Linux 6.4 CAP_BPF, too).\n"
        "# The host's firewall does not see the tunnel's packets%s.\n",
        server && plan->port < 1024 ? ",\n# CAP_NET_BIND_SERVICE (the port)" : "",
        server ? "; --allow-from says who may come" : "");
}

/* The server's addresses are part of the client's rules: they may need the resolver. */
static int print_for(int argc, char **argv, enum ftun_role role)
{
    struct ftun_options options;
    struct ftun_error error;
    const bool parsed = ftun_options_parse(argc, argv, role, &options, &error);
    if (parsed && options.help) {
        fputs(ftun_help_rules, stdout);
        return FTUN_EXIT_OK;
    }
    if (!parsed) {
        fprintf(stderr, "ftun rules %s: %s\n", argv[0], error.text);
        return FTUN_EXIT_USAGE;
    }
    struct ftun_answer answer;
    ftun_resolve(&options.remote, &answer);
    if (answer.kind != FTUN_ANSWER_FOUND) {
        fprintf(stderr, "ftun rules %s: cannot resolve %s: %s\n", argv[0], options.remote.host,
                answer.error.text);
        return FTUN_EXIT_FAILED;
    }
    struct ftun_attachment_plan plan = ftun_options_plan(&options, &answer.remotes);
    if (plan.kind == FTUN_ATTACHMENT_DIVERT)
        print_divert(&plan);
    else
        print_rules(&plan);
    return FTUN_EXIT_OK;
}

int ftun_command_rules(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "client") == 0)
        return print_for(argc - 1, argv + 1, FTUN_CLIENT);
    if (argc >= 2 && strcmp(argv[1], "server") == 0)
        return print_for(argc - 1, argv + 1, FTUN_SERVER);
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(ftun_help_rules, stdout);
        return FTUN_EXIT_OK;
    }
    fprintf(stderr, "ftun rules: say client or server first; ftun rules --help shows how\n");
    return FTUN_EXIT_USAGE;
}
