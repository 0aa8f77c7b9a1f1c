#include "addresses.h"

#include "netlink_exchange.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Of a point-to-point link IFA_ADDRESS is the other end; of an IPv6 address there may be no
 * IFA_LOCAL. */
struct found {
    const struct nlattr *local, *address;
};

static int note_attribute(const struct nlattr *attribute, void *data)
{
    struct found *found = data;
    if (mnl_attr_get_type(attribute) == IFA_LOCAL)
        found->local = attribute;
    else if (mnl_attr_get_type(attribute) == IFA_ADDRESS)
        found->address = attribute;
    return MNL_CB_OK;
}

static bool append(struct ftun_addresses *addresses, const struct nlattr *attribute)
{
    const size_t len = mnl_attr_get_payload_len(attribute);
    if (len != 4 && len != 16)
        return true;
    struct ftun_address *more =
        reallocarray(addresses->at, addresses->count + 1, sizeof *addresses->at);
    if (more == NULL)
        return false;
    addresses->at = more;
    struct ftun_address *address = &more[addresses->count++];
    *address = (struct ftun_address){.family = len == 16 ? FTUN_IPV6 : FTUN_IPV4};
    memcpy(address->bytes, mnl_attr_get_payload(attribute), len);
    return true;
}

static int note_address(const struct nlmsghdr *header, void *data)
{
    struct found found = {0};
    mnl_attr_parse(header, sizeof(struct ifaddrmsg), note_attribute, &found);
    const struct nlattr *own = found.local != NULL ? found.local : found.address;
    return own == NULL || append(data, own) ? MNL_CB_OK : MNL_CB_ERROR;
}

bool ftun_addresses_read(struct ftun_addresses *addresses, struct ftun_error *error)
{
    struct ftun_netlink_message message;
    struct nlmsghdr *header = ftun_netlink_start(&message, RTM_GETADDR, NLM_F_DUMP);
    struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(header, sizeof *info);
    info->ifa_family = AF_UNSPEC;
    *addresses = (struct ftun_addresses){0};
    if (ftun_netlink_exchange(NETLINK_ROUTE, header, note_address, addresses))
        return true;
    ftun_fail(error, "cannot list the addresses of this host: %s", strerror(errno));
    ftun_addresses_free(addresses);
    return false;
}

void ftun_addresses_free(struct ftun_addresses *addresses)
{
    free(addresses->at);
    *addresses = (struct ftun_addresses){0};
}
