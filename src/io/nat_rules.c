#include "nat_rules.h"

#include "text.h"

struct family {
    const char *protocol; /* nft's `meta nfproto` */
    const char *header;   /* nft's name of the IP header, and of the address family */
    const char *iptables;
    const struct ftun_address *own;
};

static size_t families(const struct ftun_attachment_plan *plan, struct family out[2])
{
    size_t count = 0;
    if (plan->ipv4)
        out[count++] = (struct family){"ipv4", "ip", "iptables", &plan->tun4.own};
    if (plan->ipv6)
        out[count++] = (struct family){"ipv6", "ip6", "ip6tables", &plan->tun6.own};
    return count;
}

/* Handshakes a second that reach ftun: half of what it was measured to answer on one slow core,
 * so that a flood never fills the queue of the TUN, 1000 packets, in which data wait too. What is
 * beyond is dropped before conntrack spends anything on it. */
enum { HANDSHAKES_PER_SECOND = 30000, HANDSHAKES_AT_ONCE = 500 };

static void write_flood_chain(FILE *out, const struct ftun_attachment_plan *plan, const char *tun)
{
    fprintf(
        out,
        "\tchain flood {\n"
        "\t\ttype filter hook prerouting priority raw; policy accept;\n"
        "\t\tiifname != \"%s\" fib daddr type local tcp dport %u tcp flags & (syn | ack) == syn "
        "limit rate over %d/second burst %d packets counter drop\n"
        "\t}\n",
        tun, plan->port, HANDSHAKES_PER_SECOND, HANDSHAKES_AT_ONCE);
}

/* fib daddr type local: only what was sent to this host, not what it forwards to others. The input
 * chain: what conntrack finds invalid is not translated and reaches the host itself, whose RST
 * would end the connection. */
static void write_server_chains(FILE *out, const struct ftun_attachment_plan *plan, const char *tun)
{
    struct family family[2];
    char text[FTUN_ADDRESS_TEXT];
    write_flood_chain(out, plan, tun);
    fprintf(out, "\tchain prerouting {\n"
                 "\t\ttype nat hook prerouting priority dstnat; policy accept;\n");
    for (size_t i = 0; i < families(plan, family); i++)
        fprintf(out,
                "\t\tiifname != \"%s\" fib daddr type local meta nfproto %s tcp dport %u "
                "dnat %s to %s\n",
                tun, family[i].protocol, plan->port, family[i].header,
                ftun_address_string(family[i].own, text));
    fprintf(out,
            "\t}\n"
            "\tchain input {\n"
            "\t\ttype filter hook input priority filter; policy accept;\n"
            "\t\tiifname != \"lo\" tcp dport %u drop\n"
            "\t}\n",
            plan->port);
}

static void write_servers(FILE *out, const struct ftun_remotes *remotes, enum ftun_family family)
{
    char text[FTUN_ADDRESS_TEXT];
    if (!ftun_remotes_have_family(remotes, family))
        return;
    fprintf(out, "\t\t%s saddr {", family == FTUN_IPV6 ? "ip6" : "ip");
    for (size_t i = 0, written = 0; i < remotes->count; i++)
        if (remotes->at[i].ip.family == family)
            fprintf(out, "%s %s", written++ == 0 ? "" : ",",
                    ftun_address_string(&remotes->at[i].ip, text));
    fprintf(out, " } tcp sport %u ct state invalid,new drop\n", remotes->at[0].port);
}

/* The input chain: what is not translated reaches the host itself, whose RST would end the
 * connection. That is what conntrack finds invalid, and what the server goes on sending when
 * conntrack has forgotten the connection, as it does with those of a link that went down. */
static void write_client_chains(FILE *out, const struct ftun_attachment_plan *plan, const char *tun)
{
    struct family family[2];
    char text[FTUN_ADDRESS_TEXT];
    fprintf(out, "\tchain postrouting {\n"
                 "\t\ttype nat hook postrouting priority srcnat; policy accept;\n");
    for (size_t i = 0; i < families(plan, family); i++)
        fprintf(out, "\t\t%s saddr %s oifname != \"%s\" masquerade\n", family[i].header,
                ftun_address_string(family[i].own, text), tun);
    fprintf(out, "\t}\n"
                 "\tchain input {\n"
                 "\t\ttype filter hook input priority filter; policy accept;\n");
    write_servers(out, &plan->remotes, FTUN_IPV4);
    write_servers(out, &plan->remotes, FTUN_IPV6);
    fprintf(out, "\t}\n");
}

static void write_guard(FILE *out, const struct ftun_nat_guard *guard)
{
    fprintf(out, "\tchain forward {\n"
                 "\t\ttype filter hook forward priority filter; policy accept;\n");
    if (guard->all_ipv6)
        fprintf(out, "\t\tmeta nfproto ipv6 iifgroup != %u oifgroup != %u drop\n", FTUN_LINK_GROUP,
                FTUN_LINK_GROUP);
    for (size_t i = 0; i < guard->count; i++) {
        const struct ftun_guarded_link *link = &guard->links[i];
        if (link->ipv4)
            fprintf(out, "\t\tmeta nfproto ipv4 iifname \"%s\" oifgroup != %u drop\n", link->name,
                    FTUN_LINK_GROUP);
        if (link->ipv6)
            fprintf(out, "\t\tmeta nfproto ipv6 iifname \"%s\" oifgroup != %u drop\n", link->name,
                    FTUN_LINK_GROUP);
    }
    fprintf(out, "\t}\n");
}

const char *ftun_nat_table(const char *tun_name, char out[FTUN_NAT_TABLE_MAX])
{
    snprintf(out, FTUN_NAT_TABLE_MAX, "inet ftun_%s", tun_name);
    return out;
}

void ftun_nat_write_nft(FILE *out, const struct ftun_attachment_plan *plan, const char *tun_name,
                        const struct ftun_nat_guard *guard, bool owned)
{
    char table[FTUN_NAT_TABLE_MAX];
    fprintf(out, "table %s {\n", ftun_nat_table(tun_name, table));
    if (owned)
        fprintf(out, "\tflags owner\n");
    if (plan->role == FTUN_SERVER)
        write_server_chains(out, plan, tun_name);
    else
        write_client_chains(out, plan, tun_name);
    if (guard->count > 0 || guard->all_ipv6)
        write_guard(out, guard);
    fprintf(out, "}\n");
}

void ftun_nat_write_iptables(FILE *out, const struct ftun_attachment_plan *plan,
                             const char *tun_name)
{
    struct family family[2];
    char text[FTUN_ADDRESS_TEXT];
    for (size_t i = 0; i < families(plan, family); i++) {
        const char *const own = ftun_address_string(family[i].own, text);
        if (plan->role == FTUN_SERVER)
            fprintf(out,
                    "%s -t nat -A PREROUTING ! -i %s -m addrtype --dst-type LOCAL -p tcp "
                    "--dport %u -j DNAT --to-destination %s\n",
                    family[i].iptables, tun_name, plan->port, own);
        else
            fprintf(out, "%s -t nat -A POSTROUTING -s %s ! -o %s -j MASQUERADE\n",
                    family[i].iptables, own, tun_name);
        if (plan->role == FTUN_SERVER)
            fprintf(out, "%s -A INPUT ! -i lo -p tcp --dport %u -j DROP\n", family[i].iptables,
                    plan->port);
        fprintf(out, "%s -A FORWARD -i %s -j ACCEPT\n%s -A FORWARD -o %s -j ACCEPT\n",
                family[i].iptables, tun_name, family[i].iptables, tun_name);
    }
}
