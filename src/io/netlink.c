#include "netlink.h"

#include "netlink_exchange.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

bool ftun_netlink_link_up(const char *link, uint32_t mtu, uint32_t queue_len, uint32_t group,
                          struct ftun_error *error)
{
    struct ftun_netlink_message message;
    struct nlmsghdr *header = ftun_netlink_start(&message, RTM_NEWLINK, NLM_F_ACK);
    struct ifinfomsg *info = mnl_nlmsg_put_extra_header(header, sizeof *info);
    info->ifi_index = (int)if_nametoindex(link);
    info->ifi_flags = IFF_UP;
    info->ifi_change = IFF_UP | IFF_MULTICAST;
    mnl_attr_put_u32(header, IFLA_MTU, mtu);
    mnl_attr_put_u32(header, IFLA_TXQLEN, queue_len);
    mnl_attr_put_u32(header, IFLA_GROUP, group);
    if (ftun_netlink_exchange(NETLINK_ROUTE, header, NULL, NULL))
        return true;
    if (errno == EPERM)
        return ftun_fail(error, "cannot configure %s: run as root, or with CAP_NET_ADMIN", link);
    return ftun_fail(error, "cannot set %s up with MTU %u: %s", link, mtu, strerror(errno));
}

static size_t address_len(const struct ftun_address *address)
{
    return address->family == FTUN_IPV6 ? 16 : 4;
}

static unsigned char socket_family(const struct ftun_address *address)
{
    return address->family == FTUN_IPV6 ? AF_INET6 : AF_INET;
}

bool ftun_netlink_add_address(const char *link, const struct ftun_address *local,
                              const struct ftun_address *peer, struct ftun_error *error)
{
    struct ftun_netlink_message message;
    struct nlmsghdr *header =
        ftun_netlink_start(&message, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE);
    struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(header, sizeof *info);
    info->ifa_family = socket_family(local);
    info->ifa_prefixlen = (unsigned char)(8 * address_len(local));
    info->ifa_index = if_nametoindex(link);
    mnl_attr_put(header, IFA_LOCAL, address_len(local), local->bytes);
    mnl_attr_put(header, IFA_ADDRESS, address_len(peer), peer->bytes);
    if (ftun_netlink_exchange(NETLINK_ROUTE, header, NULL, NULL))
        return true;
    return ftun_fail(error, "cannot give %s its IPv%u address: %s", link, (unsigned)local->family,
                     strerror(errno));
}

static int note_metric(const struct nlattr *attribute, void *data)
{
    struct ftun_route *route = data;
    if (mnl_attr_get_type(attribute) == RTAX_MTU)
        route->mtu = mnl_attr_get_u32(attribute);
    return MNL_CB_OK;
}

static void note_source(const struct nlattr *attribute, struct ftun_route *route)
{
    const size_t len = mnl_attr_get_payload_len(attribute);
    route->source = (struct ftun_address){.family = len == 16 ? FTUN_IPV6 : FTUN_IPV4};
    memcpy(route->source.bytes, mnl_attr_get_payload(attribute), len < 16 ? len : 16);
}

static int note_route_attribute(const struct nlattr *attribute, void *data)
{
    struct ftun_route *route = data;
    if (mnl_attr_get_type(attribute) == RTA_OIF)
        route->link = mnl_attr_get_u32(attribute);
    else if (mnl_attr_get_type(attribute) == RTA_PREFSRC)
        note_source(attribute, route);
    else if (mnl_attr_get_type(attribute) == RTA_METRICS)
        mnl_attr_parse_nested(attribute, note_metric, route);
    return MNL_CB_OK;
}

static int note_route(const struct nlmsghdr *header, void *data)
{
    struct ftun_route *route = data;
    const struct rtmsg *info = mnl_nlmsg_get_payload(header);
    route->prefix_len = info->rtm_dst_len;
    route->is_local = info->rtm_type == RTN_LOCAL;
    mnl_attr_parse(header, sizeof *info, note_route_attribute, route);
    return MNL_CB_STOP;
}

/* RTM_F_FIB_MATCH: tell of the route that matched, not of the destination asked for. */
static bool ask_route(const struct ftun_address *destination, uint32_t mark, unsigned flags,
                      struct ftun_route *route)
{
    struct ftun_netlink_message message;
    struct nlmsghdr *header = ftun_netlink_start(&message, RTM_GETROUTE, 0);
    struct rtmsg *info = mnl_nlmsg_put_extra_header(header, sizeof *info);
    info->rtm_family = socket_family(destination);
    info->rtm_dst_len = (unsigned char)(8 * address_len(destination));
    info->rtm_flags = flags;
    mnl_attr_put(header, RTA_DST, address_len(destination), destination->bytes);
    mnl_attr_put_u32(header, RTA_MARK, mark);
    return ftun_netlink_exchange(NETLINK_ROUTE, header, note_route, route);
}

bool ftun_netlink_route(const struct ftun_address *destination, uint32_t mark,
                        struct ftun_route *route, struct ftun_error *error)
{
    struct ftun_route matched = {0};
    *route = (struct ftun_route){.family = (enum ftun_family)destination->family};
    if (!ask_route(destination, mark, RTM_F_LOOKUP_TABLE, route) ||
        !ask_route(destination, mark, RTM_F_LOOKUP_TABLE | RTM_F_FIB_MATCH, &matched))
        return ftun_fail(error, "no route: %s (ip route shows those there are)", strerror(errno));
    route->prefix_len = matched.prefix_len;
    route->is_local = route->is_local || matched.is_local;
    if (route->mtu == 0)
        route->mtu = ftun_netlink_link_mtu(route->link);
    return true;
}

static int note_slave_kind(const struct nlattr *attribute, void *data)
{
    bool *is_vrf = data;
    if (mnl_attr_get_type(attribute) == IFLA_INFO_SLAVE_KIND)
        *is_vrf = strcmp(mnl_attr_get_str(attribute), "vrf") == 0;
    return MNL_CB_OK;
}

static int note_link_attribute(const struct nlattr *attribute, void *data)
{
    struct ftun_link *link = data;
    if (mnl_attr_get_type(attribute) == IFLA_IFNAME)
        snprintf(link->name, sizeof link->name, "%s", mnl_attr_get_str(attribute));
    else if (mnl_attr_get_type(attribute) == IFLA_MTU)
        link->mtu = mnl_attr_get_u32(attribute);
    else if (mnl_attr_get_type(attribute) == IFLA_GROUP)
        link->group = mnl_attr_get_u32(attribute);
    else if (mnl_attr_get_type(attribute) == IFLA_MASTER)
        link->member = true;
    else if (mnl_attr_get_type(attribute) == IFLA_LINKINFO)
        mnl_attr_parse_nested(attribute, note_slave_kind, &link->in_vrf);
    return MNL_CB_OK;
}

static void read_link(const struct nlmsghdr *header, struct ftun_link *link)
{
    const struct ifinfomsg *info = mnl_nlmsg_get_payload(header);
    *link = (struct ftun_link){
        .index = (uint32_t)info->ifi_index,
        .up = (info->ifi_flags & IFF_UP) != 0,
        .loopback = (info->ifi_flags & IFF_LOOPBACK) != 0,
    };
    mnl_attr_parse(header, sizeof *info, note_link_attribute, link);
    link->member = link->member && !link->in_vrf;
}

static int note_mtu(const struct nlmsghdr *header, void *data)
{
    struct ftun_link link;
    read_link(header, &link);
    uint32_t *mtu = data;
    *mtu = link.mtu;
    return MNL_CB_STOP;
}

uint32_t ftun_netlink_link_mtu(uint32_t index)
{
    struct ftun_netlink_message message;
    struct nlmsghdr *header = ftun_netlink_start(&message, RTM_GETLINK, 0);
    struct ifinfomsg *info = mnl_nlmsg_put_extra_header(header, sizeof *info);
    info->ifi_index = (int)index;
    uint32_t mtu = 0;
    return ftun_netlink_exchange(NETLINK_ROUTE, header, note_mtu, &mtu) ? mtu : 0;
}

static int note_drops_attribute(const struct nlattr *attribute, void *data)
{
    struct rtnl_link_stats64 stats;
    if (mnl_attr_get_type(attribute) != IFLA_STATS64 ||
        mnl_attr_get_payload_len(attribute) < offsetof(struct rtnl_link_stats64, multicast))
        return MNL_CB_OK;
    memcpy(&stats, mnl_attr_get_payload(attribute), offsetof(struct rtnl_link_stats64, multicast));
    uint64_t *drops = data;
    *drops = stats.tx_dropped;
    return MNL_CB_STOP;
}

static int note_drops(const struct nlmsghdr *header, void *data)
{
    mnl_attr_parse(header, sizeof(struct ifinfomsg), note_drops_attribute, data);
    return MNL_CB_STOP;
}

static struct nlmsghdr *ask_for_link(struct ftun_netlink_message *message, const char *link)
{
    struct nlmsghdr *header = ftun_netlink_start(message, RTM_GETLINK, 0);
    struct ifinfomsg *info = mnl_nlmsg_put_extra_header(header, sizeof *info);
    info->ifi_family = AF_UNSPEC;
    mnl_attr_put_strz(header, IFLA_IFNAME, link);
    return header;
}

uint64_t ftun_netlink_link_drops(const char *link)
{
    struct ftun_netlink_message message;
    uint64_t drops = 0;
    return ftun_netlink_exchange(NETLINK_ROUTE, ask_for_link(&message, link), note_drops, &drops)
               ? drops
               : 0;
}

static int note_carrier_attribute(const struct nlattr *attribute, void *data)
{
    bool *carrier = data;
    if (mnl_attr_get_type(attribute) == IFLA_CARRIER && mnl_attr_get_payload_len(attribute) >= 1)
        *carrier = mnl_attr_get_u8(attribute) != 0;
    return MNL_CB_OK;
}

static int note_carrier(const struct nlmsghdr *header, void *data)
{
    mnl_attr_parse(header, sizeof(struct ifinfomsg), note_carrier_attribute, data);
    return MNL_CB_STOP;
}

bool ftun_netlink_link_carrier(const char *link)
{
    struct ftun_netlink_message message;
    bool carrier = false;
    return ftun_netlink_exchange(NETLINK_ROUTE, ask_for_link(&message, link), note_carrier,
                                 &carrier) &&
           carrier;
}

struct link_list {
    struct ftun_link *links;
    int count, max;
};

static int note_link(const struct nlmsghdr *header, void *data)
{
    struct link_list *list = data;
    if (list->count < list->max)
        read_link(header, &list->links[list->count++]);
    return MNL_CB_OK;
}

int ftun_netlink_links(struct ftun_link *links, int max, struct ftun_error *error)
{
    struct ftun_netlink_message message;
    struct nlmsghdr *header = ftun_netlink_start(&message, RTM_GETLINK, NLM_F_DUMP);
    struct ifinfomsg *info = mnl_nlmsg_put_extra_header(header, sizeof *info);
    info->ifi_family = AF_UNSPEC;
    struct link_list list = {.links = links, .max = max};
    if (ftun_netlink_exchange(NETLINK_ROUTE, header, note_link, &list))
        return list.count;
    ftun_fail(error, "cannot list the network interfaces: %s", strerror(errno));
    return -1;
}
