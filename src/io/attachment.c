/* The order matters: TUN, addresses, rules, forwarding, and only then does ftun listen. Packets
 * that come before the rules exist would be answered by the host with RST; a link that forwards
 * before its guard exists would be an open router. Taking down goes the other way round. */
#include "attachment.h"

#include "nat_rules.h"
#include "netlink.h"
#include "sockaddr.h"
#include "tun_addresses.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    TUN_MTU = 65535,  /* bytes: what arrives at the host never needs cutting on its way in */
    LOCK_TRIES = 200, /* ten seconds in all */
    LOCK_PAUSE_NS = 50000000,
    TUN_QUEUE_LEN = 1000, /* packets, super-segments among them */
    LINKS_MAX = 512,
    PATH_MTU_DEFAULT = 1500 /* bytes: Ethernet, where the host knows nothing better */
};

/* --- the links concerned ------------------------------------------------------------------ */

/* Links that are down too: at boot ftun may start before they are up. */
static bool concerns_server(const struct ftun_attachment *a, const struct ftun_link *link)
{
    return !link->loopback && link->group != FTUN_LINK_GROUP &&
           strcmp(link->name, a->tun.name) != 0;
}

static int all_links(struct ftun_link *links, struct ftun_error *error)
{
    const int count = ftun_netlink_links(links, LINKS_MAX, error);
    if (count == LINKS_MAX)
        ftun_fail(error,
                  "this host has %d network interfaces or more, too many for ftun to set "
                  "up; use --setup=none (ftun rules says how)",
                  LINKS_MAX);
    return count == LINKS_MAX ? -1 : count;
}

/* A client speaks through the link of its route; a server may be spoken to through any. */
static int links_concerned(const struct ftun_attachment *a, struct ftun_link *links,
                           struct ftun_error *error)
{
    struct ftun_route route = {0};
    const bool client = a->plan.role == FTUN_CLIENT;
    if (client && !ftun_netlink_route(&a->plan.remote.ip, &route, error))
        return -1;
    struct ftun_link all[LINKS_MAX];
    const int count = all_links(all, error);
    int kept = 0;
    for (int i = 0; i < count; i++)
        if (client ? all[i].index == route.link : concerns_server(a, &all[i]))
            links[kept++] = all[i];
    return count < 0 ? -1 : kept;
}

/* A server does not know by which link a client will come: the largest, as its MSS only says what
 * this end can take. What it sends is bounded by the client's MSS, and by "too big" on the way. */
static uint32_t largest_mtu(const struct ftun_attachment *a)
{
    struct ftun_error ignored;
    struct ftun_link links[LINKS_MAX];
    const int count = links_concerned(a, links, &ignored);
    uint32_t mtu = 0;
    for (int i = 0; i < count; i++)
        if (links[i].mtu > mtu)
            mtu = links[i].mtu;
    return mtu;
}

static uint16_t path_mtu(const struct ftun_attachment *a)
{
    struct ftun_error ignored;
    struct ftun_route route = {0};
    uint32_t mtu = 0;
    if (a->plan.role == FTUN_SERVER)
        mtu = largest_mtu(a);
    else if (ftun_netlink_route(&a->plan.remote.ip, &route, &ignored))
        mtu = route.mtu;
    if (mtu == 0)
        mtu = PATH_MTU_DEFAULT;
    return mtu < FTUN_IP_PACKET_MAX ? (uint16_t)mtu : (uint16_t)FTUN_IP_PACKET_MAX;
}

/* --- the TUN ------------------------------------------------------------------------------ */

static bool family_missing(const struct ftun_tun_addresses *addresses)
{
    return addresses->own.family == FTUN_FAMILY_NONE;
}

static bool give_addresses(struct ftun_attachment *a, enum ftun_family family,
                           struct ftun_tun_addresses *addresses, struct ftun_error *error)
{
    if (family_missing(addresses) &&
        !ftun_tun_addresses_choose(a->plan.role, family, addresses, error))
        return false;
    return ftun_netlink_add_address(a->tun.name, &addresses->host, &addresses->own, error);
}

static void set_ipv6(const struct ftun_attachment *a, const char *setting)
{
    char path[FTUN_SYSCTL_PATH_MAX];
    struct ftun_error ignored;
    snprintf(path, sizeof path, "net/ipv6/conf/%s/%s", a->tun.name, setting);
    ftun_sysctls_write(path, "1", &ignored);
}

/* The kernel would greet routers on the TUN, from a link-local address: there are none. Where it
 * cannot be told so, its greetings are counted as refusals. And of a link that is set down it keeps
 * the IPv4 addresses, but those of IPv6 only when it is told to (Linux 4.6). */
static void prepare_ipv6(const struct ftun_attachment *a)
{
    set_ipv6(a, "addr_gen_mode");
    set_ipv6(a, "keep_addr_on_down");
}

static bool set_up_tun(struct ftun_attachment *a, struct ftun_error *error)
{
    prepare_ipv6(a);
    if (!ftun_netlink_link_up(a->tun.name, TUN_MTU, TUN_QUEUE_LEN, FTUN_LINK_GROUP, error))
        return false;
    return (!a->plan.ipv4 || give_addresses(a, FTUN_IPV4, &a->plan.tun4, error)) &&
           (!a->plan.ipv6 || give_addresses(a, FTUN_IPV6, &a->plan.tun6, error));
}

/* --- forwarding --------------------------------------------------------------------------- */

static void forwarding_path(const char *link, int family, char out[FTUN_SYSCTL_PATH_MAX])
{
    /* IPv6 has a switch for each link since Linux 6.17, IPv4 always had */
    snprintf(out, FTUN_SYSCTL_PATH_MAX, "net/ipv%d/conf/%s/%sforwarding", family, link,
             family == 6 ? "force_" : "");
}

static const char ipv6_everywhere[] = "net/ipv6/conf/all/forwarding";

/* Before Linux 6.17 IPv6 forwards on all links or none. */
static bool ipv6_forwards_by_link(const struct ftun_attachment *a)
{
    char path[FTUN_SYSCTL_PATH_MAX];
    forwarding_path(a->tun.name, 6, path);
    return ftun_sysctls_exists(path);
}

/* A host that forwards ignores router advertisements unless accept_ra says 2: on every link. */
static bool forward_ipv6_everywhere(struct ftun_attachment *a, struct ftun_error *error)
{
    struct ftun_link links[LINKS_MAX];
    const int count = all_links(links, error);
    for (int i = 0; i < count; i++) {
        char path[FTUN_SYSCTL_PATH_MAX];
        snprintf(path, sizeof path, "net/ipv6/conf/%s/accept_ra", links[i].name);
        if (!links[i].loopback && ftun_sysctls_exists(path) &&
            !ftun_sysctls_want(&a->sysctls, path, "2", error))
            return false;
    }
    return count >= 0 && ftun_sysctls_want(&a->sysctls, ipv6_everywhere, "1", error);
}

static bool forward_from_tun(const struct ftun_attachment *a, int family, struct ftun_error *error)
{
    char path[FTUN_SYSCTL_PATH_MAX];
    forwarding_path(a->tun.name, family, path);
    return (family == 6 && !ipv6_forwards_by_link(a)) || ftun_sysctls_write(path, "1", error);
}

static bool forward_family(struct ftun_attachment *a, int family, const struct ftun_link *links,
                           int count, struct ftun_error *error)
{
    char path[FTUN_SYSCTL_PATH_MAX];
    if (family == 6 && !ipv6_forwards_by_link(a))
        return forward_ipv6_everywhere(a, error);
    if (!forward_from_tun(a, family, error))
        return false;
    for (int i = 0; i < count; i++) {
        forwarding_path(links[i].name, family, path);
        if (!ftun_sysctls_exists(path)) /* a link too small for IPv6 has none of it */
            continue;
        if (!ftun_sysctls_want(&a->sysctls, path, "1", error))
            return false;
    }
    return true;
}

static bool forward(struct ftun_attachment *a, const struct ftun_link *links, int count,
                    struct ftun_error *error)
{
    return (!a->plan.ipv4 || forward_family(a, 4, links, count, error)) &&
           (!a->plan.ipv6 || forward_family(a, 6, links, count, error));
}

/* --- rules -------------------------------------------------------------------------------- */

/* The links on which the host would not forward without ftun. */
static size_t guarded_links(const struct ftun_attachment *a, const struct ftun_link *links,
                            int count, struct ftun_guarded_link *guarded)
{
    size_t kept = 0;
    for (int i = 0; i < count; i++) {
        char path4[FTUN_SYSCTL_PATH_MAX];
        char path6[FTUN_SYSCTL_PATH_MAX];
        forwarding_path(links[i].name, 4, path4);
        forwarding_path(links[i].name, 6, path6);
        struct ftun_guarded_link *link = &guarded[kept];
        link->ipv4 = a->plan.ipv4 && ftun_sysctls_differs(&a->sysctls, path4, "1");
        link->ipv6 = a->plan.ipv6 && ftun_sysctls_differs(&a->sysctls, path6, "1");
        memcpy(link->name, links[i].name, sizeof link->name);
        if (link->ipv4 || link->ipv6)
            kept++;
    }
    return kept;
}

static bool load_rules(struct ftun_attachment *a, const struct ftun_link *links, int count,
                       struct ftun_error *error)
{
    struct ftun_guarded_link guarded[LINKS_MAX];
    const struct ftun_nat_guard guard = {
        .links = guarded,
        .count = guarded_links(a, links, count, guarded),
        .all_ipv6 = a->plan.ipv6 && !ipv6_forwards_by_link(a) &&
                    ftun_sysctls_differs(&a->sysctls, ipv6_everywhere, "1"),
    };
    char *ruleset = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&ruleset, &len);
    if (out == NULL)
        return ftun_fail(error, "out of memory");
    ftun_nat_write_nft(out, &a->plan, a->tun.name, &guard, true);
    fclose(out);
    const bool done = ftun_firewall_load(&a->firewall, ruleset, error);
    free(ruleset);
    return done;
}

/* --- the server's port -------------------------------------------------------------------- */

static int reserve(enum ftun_family family, uint16_t port)
{
    const struct ftun_socket_address any = {.ip.family = (uint8_t)family, .port = port};
    const union ftun_sockaddr address = ftun_sockaddr_from_core(&any);
    const int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    const int on = 1;
    if (family == FTUN_IPV6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, &address.any, ftun_sockaddr_len(&address)) == 0)
        return fd;
    const int cause = errno;
    close(fd);
    errno = cause;
    return -1;
}

/* A socket that is bound but does not listen: the kernel's own programs cannot take the port, and
 * a second ftun finds it taken. Packets do not reach it, the DNAT rule is before it. */
static bool reserve_port(struct ftun_attachment *a, struct ftun_error *error)
{
    const bool wanted[2] = {a->plan.ipv4, a->plan.ipv6};
    for (int i = 0; i < 2; i++) {
        if (!wanted[i])
            continue;
        a->reserved[i] = reserve(i == 0 ? FTUN_IPV4 : FTUN_IPV6, a->plan.port);
        if (a->reserved[i] >= 0)
            continue;
        if (errno == EADDRINUSE)
            return ftun_fail(error,
                             "TCP port %u is in use by another program (ss -tlnp sport = "
                             ":%u names it); choose another --local",
                             a->plan.port, a->plan.port);
        return ftun_fail(error, "cannot reserve TCP port %u: %s", a->plan.port, strerror(errno));
    }
    return true;
}

/* --- all together ------------------------------------------------------------------------- */

static bool set_up_nat(struct ftun_attachment *a, struct ftun_error *error)
{
    struct ftun_link links[LINKS_MAX];
    if (a->plan.role == FTUN_SERVER && !reserve_port(a, error))
        return false;
    if (!ftun_tun_open(&a->tun, a->plan.tun_name, a->plan.offload, error) ||
        !ftun_sysctls_open(&a->sysctls, error))
        return false;
    const int count = links_concerned(a, links, error);
    a->hops = 1; /* from the TUN the host forwards */
    /* the guard before what it guards */
    return count >= 0 && set_up_tun(a, error) && load_rules(a, links, count, error) &&
           forward(a, links, count, error);
}

/* The user has set up the rest: as many hops as with NAT. */
static bool set_up_nothing(struct ftun_attachment *a, struct ftun_error *error)
{
    struct ftun_attachment_plan *plan = &a->plan;
    if (family_missing(&plan->tun4))
        plan->tun4 = ftun_tun_addresses_default(plan->role, FTUN_IPV4);
    if (family_missing(&plan->tun6))
        plan->tun6 = ftun_tun_addresses_default(plan->role, FTUN_IPV6);
    a->hops = 1;
    return ftun_tun_open(&a->tun, plan->tun_name, plan->offload, error);
}

/* The guard is there already: a table names its links, and does not mind that one is gone. */
static bool restore_nat(struct ftun_attachment *a, struct ftun_error *error)
{
    return ftun_tun_open(&a->tun, a->tun.name, a->plan.offload, error) && set_up_tun(a, error) &&
           (!a->plan.ipv4 || forward_from_tun(a, 4, error)) &&
           (!a->plan.ipv6 || forward_from_tun(a, 6, error));
}

static bool restore_bare(struct ftun_attachment *a, struct ftun_error *error)
{
    if (a->tun.persistent && if_nametoindex(a->tun.name) == 0)
        return ftun_fail(error,
                         "the TUN device %s is gone, and ftun had not made it: make it again "
                         "(ftun rules says how), then start ftun",
                         a->tun.name);
    return ftun_tun_open(&a->tun, a->tun.name, a->plan.offload, error);
}

/* One instance at a time sets up or takes down: two must not choose the same addresses, nor put
 * back each other's settings. -1: not to be had, and whoever holds it is not waited for longer. */
static int lock_setup(void)
{
    mkdir("/run/ftun", 0755);
    const int fd = open("/run/ftun/lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    for (int tries = 0; fd >= 0 && tries < LOCK_TRIES; tries++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return fd;
        const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};
        nanosleep(&pause, NULL);
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

static void take_down(struct ftun_attachment *a)
{
    ftun_sysctls_close(&a->sysctls);
    ftun_firewall_close(&a->firewall);
    ftun_tun_close(&a->tun);
    for (int i = 0; i < 2; i++) {
        if (a->reserved[i] >= 0)
            close(a->reserved[i]);
        a->reserved[i] = -1;
    }
}

typedef bool setup_step(struct ftun_attachment *a, struct ftun_error *error);

static bool do_locked(struct ftun_attachment *a, setup_step *step, struct ftun_error *error)
{
    const int lock = lock_setup();
    if (lock < 0)
        return ftun_fail(error,
                         "cannot lock /run/ftun/lock: %s; ftun needs root for its set-up, or "
                         "--setup=none",
                         strerror(errno));
    const bool done = step(a, error);
    close(lock);
    return done;
}

static bool set_up_nat_or_nothing(struct ftun_attachment *a, struct ftun_error *error)
{
    const bool done = set_up_nat(a, error);
    if (!done)
        take_down(a);
    return done;
}

bool ftun_attachment_open(struct ftun_attachment *a, const struct ftun_attachment_plan *plan,
                          struct ftun_error *error)
{
    *a = (struct ftun_attachment){
        .plan = *plan, .tun.fd = -1, .sysctls.user_fd = -1, .reserved = {-1, -1}};
    const bool done = plan->kind == FTUN_ATTACHMENT_NAT ? do_locked(a, set_up_nat_or_nothing, error)
                                                        : set_up_nothing(a, error);
    if (done)
        a->mtu = path_mtu(a);
    return done;
}

bool ftun_attachment_restore(struct ftun_attachment *a, struct ftun_error *error)
{
    ftun_tun_close(&a->tun);
    const bool done = a->plan.kind == FTUN_ATTACHMENT_NAT ? do_locked(a, restore_nat, error)
                                                          : restore_bare(a, error);
    if (!done)
        ftun_tun_close(&a->tun);
    return done;
}

void ftun_attachment_close(struct ftun_attachment *a)
{
    const int lock = a->sysctls.user_fd >= 0 ? lock_setup() : -1;
    take_down(a);
    if (lock >= 0)
        close(lock);
}
