#include "nat_rules.h"

#include "text.h"

struct family {
    const char *protocol; /* nft's `meta nfproto` */
    const char *header;   /* nft's name of the IP header, and of the address family */
    const char *iptables;
    const struct ftun_address *own;
    enum ftun_family number;
};

static size_t families(const struct ftun_attachment_plan *plan, struct family out[2])
{
    size_t count = 0;
    if (plan->ipv4)
        out[count++] = (struct family){"ipv4", "ip", "iptables", &plan->tun4.own, FTUN_IPV4};
    if (plan->ipv6)
        out[count++] = (struct family){"ipv6", "ip6", "ip6tables", &plan->tun6.own, FTUN_IPV6};
    return count;
}

/* --- what the user has chosen ------------------------------------------------------------- */

/* The links that the tunnel's packets come by. */
static void write_incoming(FILE *out, const struct ftun_attachment_plan *plan, const char *tun)
{
    const struct ftun_attachment_choices *choices = &plan->choices;
    if (choices->link_count == 0) {
        fprintf(out, "iifname != \"%s\"", tun);
        return;
    }
    for (size_t i = 0; i < choices->link_count; i++)
        fprintf(out, "%s \"%s\"", i == 0 ? "iifname {" : ",", choices->links[i]);
    fprintf(out, " }");
}

static size_t count_prefixes(const struct ftun_attachment_choices *choices, enum ftun_family family)
{
    size_t count = 0;
    for (size_t i = 0; i < choices->prefix_count; i++)
        count += choices->allow_from[i].address.family == family;
    return count;
}

static void write_prefix(FILE *out, const struct ftun_prefix *prefix)
{
    char text[FTUN_ADDRESS_TEXT];
    fprintf(out, "%s/%u", ftun_address_string(&prefix->address, text), prefix->len);
}

static void write_allowed_set(FILE *out, const struct ftun_attachment_choices *choices,
                              enum ftun_family family)
{
    if (count_prefixes(choices, family) == 0)
        return;
    fprintf(out, "\tset allowed%d {\n\t\ttype %s; flags interval; auto-merge; elements = {",
            (int)family, family == FTUN_IPV6 ? "ipv6_addr" : "ipv4_addr");
    for (size_t i = 0, written = 0; i < choices->prefix_count; i++) {
        if (choices->allow_from[i].address.family != family)
            continue;
        fprintf(out, written++ == 0 ? " " : ", ");
        write_prefix(out, &choices->allow_from[i]);
    }
    fprintf(out, " };\n\t}\n");
}

/* A family of which there is no network may not come at all. */
static void write_allowed_rule(FILE *out, const struct ftun_attachment_plan *plan, const char *tun,
                               const struct family *family)
{
    fprintf(out, "\t\t");
    write_incoming(out, plan, tun);
    fprintf(out, " fib daddr type local meta nfproto %s tcp dport %u", family->protocol,
            plan->port);
    if (count_prefixes(&plan->choices, family->number) > 0)
        fprintf(out, " %s saddr != @allowed%d", family->header, (int)family->number);
    fprintf(out, " counter drop\n");
}

static void write_allowed(FILE *out, const struct ftun_attachment_plan *plan, const char *tun)
{
    struct family family[2];
    if (plan->choices.prefix_count == 0)
        return;
    write_allowed_set(out, &plan->choices, FTUN_IPV4);
    write_allowed_set(out, &plan->choices, FTUN_IPV6);
    fprintf(out, "\tchain allowed {\n"
                 "\t\ttype filter hook prerouting priority raw - 1; policy accept;\n");
    for (size_t i = 0; i < families(plan, family); i++)
        write_allowed_rule(out, plan, tun, &family[i]);
    fprintf(out, "\t}\n");
}

/* Before the host decides where its packets go. */
static void write_mark(FILE *out, const struct ftun_attachment_plan *plan, const char *tun)
{
    if (plan->choices.mark != 0)
        fprintf(out,
                "\tchain marked {\n"
                "\t\ttype filter hook prerouting priority mangle; policy accept;\n"
                "\t\tiifname \"%s\" meta mark set 0x%x\n"
                "\t}\n",
                tun, plan->choices.mark);
}

/* --- a server ----------------------------------------------------------------------------- */

/* Handshakes a second that reach ftun: half of what it was measured to answer on one slow core,
 * so that a flood never fills the queue of the TUN, 1000 packets, in which data wait too. What is
 * beyond is dropped before conntrack spends anything on it. */
enum { HANDSHAKES_PER_SECOND = 30000, HANDSHAKES_AT_ONCE = 500 };

static void write_flood_chain(FILE *out, const struct ftun_attachment_plan *plan, const char *tun)
{
    fprintf(out, "\tchain flood {\n"
                 "\t\ttype filter hook prerouting priority raw; policy accept;\n\t\t");
    write_incoming(out, plan, tun);
    fprintf(out,
            " fib daddr type local tcp dport %u tcp flags & (syn | ack) == syn "
            "limit rate over %d/second burst %d packets counter drop\n"
            "\t}\n",
            plan->port, HANDSHAKES_PER_SECOND, HANDSHAKES_AT_ONCE);
}

/* fib daddr type local: only what was sent to this host, not what it forwards to others. The input
 * chain: what conntrack finds invalid is not translated and reaches the host itself, whose RST
 * would end the connection. */
static void write_server_chains(FILE *out, const struct ftun_attachment_plan *plan, const char *tun)
{
    struct family family[2];
    char text[FTUN_ADDRESS_TEXT];
    write_allowed(out, plan, tun);
    write_flood_chain(out, plan, tun);
    fprintf(out, "\tchain prerouting {\n"
                 "\t\ttype nat hook prerouting priority dstnat; policy accept;\n");
    for (size_t i = 0; i < families(plan, family); i++) {
        fprintf(out, "\t\t");
        write_incoming(out, plan, tun);
        fprintf(out, " fib daddr type local meta nfproto %s tcp dport %u dnat %s to %s\n",
                family[i].protocol, plan->port, family[i].header,
                ftun_address_string(family[i].own, text));
    }
    fprintf(out,
            "\t}\n"
            "\tchain input {\n"
            "\t\ttype filter hook input priority filter; policy accept;\n"
            "\t\tiifname != \"lo\" tcp dport %u drop\n"
            "\t}\n",
            plan->port);
}

/* --- a client ----------------------------------------------------------------------------- */

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
    const struct ftun_port_range *ports = &plan->choices.ports;
    struct family family[2];
    char text[FTUN_ADDRESS_TEXT], masquerade[64] = "masquerade";
    if (ports->first != 0)
        snprintf(masquerade, sizeof masquerade, "meta l4proto tcp masquerade to :%u-%u",
                 ports->first, ports->last);
    fprintf(out, "\tchain postrouting {\n"
                 "\t\ttype nat hook postrouting priority srcnat; policy accept;\n");
    for (size_t i = 0; i < families(plan, family); i++)
        fprintf(out, "\t\t%s saddr %s oifname != \"%s\" %s\n", family[i].header,
                ftun_address_string(family[i].own, text), tun, masquerade);
    fprintf(out, "\t}\n"
                 "\tchain input {\n"
                 "\t\ttype filter hook input priority filter; policy accept;\n");
    write_servers(out, &plan->remotes, FTUN_IPV4);
    write_servers(out, &plan->remotes, FTUN_IPV6);
    fprintf(out, "\t}\n");
}

/* --- all together ------------------------------------------------------------------------- */

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
    write_mark(out, plan, tun_name);
    if (guard->count > 0 || guard->all_ipv6)
        write_guard(out, guard);
    fprintf(out, "}\n");
}

/* --- iptables ----------------------------------------------------------------------------- */

enum { MATCH_MAX = 160 };

/* What comes for a server by the i-th of the links chosen, or by any. */
static const char *incoming_match(const struct ftun_attachment_plan *plan, const char *tun,
                                  size_t i, char out[MATCH_MAX])
{
    const struct ftun_attachment_choices *choices = &plan->choices;
    snprintf(out, MATCH_MAX, "%s %s -m addrtype --dst-type LOCAL -p tcp --dport %u",
             choices->link_count == 0 ? "! -i" : "-i",
             choices->link_count == 0 ? tun : choices->links[i], plan->port);
    return out;
}

static void write_iptables_allowed(FILE *out, const struct ftun_attachment_plan *plan,
                                   const struct family *family, const char *match)
{
    const struct ftun_attachment_choices *choices = &plan->choices;
    for (size_t i = 0; i < choices->prefix_count; i++) {
        if (choices->allow_from[i].address.family != family->number)
            continue;
        fprintf(out, "%s -t raw -A PREROUTING %s -s ", family->iptables, match);
        write_prefix(out, &choices->allow_from[i]);
        fprintf(out, " -j ACCEPT\n");
    }
    if (choices->prefix_count > 0)
        fprintf(out, "%s -t raw -A PREROUTING %s -j DROP\n", family->iptables, match);
}

static void write_iptables_server(FILE *out, const struct ftun_attachment_plan *plan,
                                  const char *tun, const struct family *family)
{
    char match[MATCH_MAX], own[FTUN_ADDRESS_TEXT];
    size_t i = 0;
    do {
        incoming_match(plan, tun, i, match);
        write_iptables_allowed(out, plan, family, match);
        fprintf(out, "%s -t nat -A PREROUTING %s -j DNAT --to-destination %s\n", family->iptables,
                match, ftun_address_string(family->own, own));
    } while (++i < plan->choices.link_count);
    fprintf(out, "%s -A INPUT ! -i lo -p tcp --dport %u -j DROP\n", family->iptables, plan->port);
}

static void write_iptables_client(FILE *out, const struct ftun_attachment_plan *plan,
                                  const char *tun, const struct family *family)
{
    const struct ftun_port_range *ports = &plan->choices.ports;
    char own[FTUN_ADDRESS_TEXT];
    ftun_address_string(family->own, own);
    if (ports->first != 0)
        fprintf(out,
                "%s -t nat -A POSTROUTING -s %s ! -o %s -p tcp -j MASQUERADE --to-ports %u-%u\n",
                family->iptables, own, tun, ports->first, ports->last);
    else
        fprintf(out, "%s -t nat -A POSTROUTING -s %s ! -o %s -j MASQUERADE\n", family->iptables,
                own, tun);
}

void ftun_nat_write_iptables(FILE *out, const struct ftun_attachment_plan *plan,
                             const char *tun_name)
{
    struct family family[2];
    for (size_t i = 0; i < families(plan, family); i++) {
        if (plan->role == FTUN_SERVER)
            write_iptables_server(out, plan, tun_name, &family[i]);
        else
            write_iptables_client(out, plan, tun_name, &family[i]);
        if (plan->choices.mark != 0)
            fprintf(out, "%s -t mangle -A PREROUTING -i %s -j MARK --set-mark 0x%x\n",
                    family[i].iptables, tun_name, plan->choices.mark);
        fprintf(out, "%s -A FORWARD -i %s -j ACCEPT\n%s -A FORWARD -o %s -j ACCEPT\n",
                family[i].iptables, tun_name, family[i].iptables, tun_name);
    }
}
