/* The order matters: TUN, addresses, rules, forwarding, and only then does ftun listen. Packets
 * that come before the rules exist would be answered by the host with RST; a link that forwards
 * before its guard exists would be an open router. Taking down goes the other way round. */
#include "attachment.h"

#include "forwarding.h"
#include "nat_rules.h"
#include "sockaddr.h"
#include "steering_program.h"
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
    TUN_QUEUE_LEN = 1000,   /* packets, super-segments among them */
    PATH_MTU_DEFAULT = 1500 /* bytes: Ethernet, where the host knows nothing better */
};

/* --- the path ----------------------------------------------------------------------------- */

/* A server does not know by which link a client will come: the largest, as its MSS only says what
 * this end can take. What it sends is bounded by the client's MSS, and by "too big" on the way. */
static uint32_t mtu_of_server(const struct ftun_attachment *a)
{
    struct ftun_error ignored;
    struct ftun_links all;
    struct ftun_links concerned;
    if (!ftun_links_all(&all, &ignored))
        return 0;
    ftun_links_of_server(&all, a->tun.name, &concerned);
    return ftun_links_mtu(&concerned);
}

static uint32_t mtu_of_client(const struct ftun_attachment *a)
{
    struct ftun_error ignored;
    struct ftun_route route;
    uint32_t mtu = 0;
    for (size_t i = 0; i < a->plan.remotes.count; i++)
        if (ftun_netlink_route(&a->plan.remotes.at[i].ip, &route, &ignored) &&
            (mtu == 0 || route.mtu < mtu))
            mtu = route.mtu;
    return mtu;
}

/* Where there is no path just now, the last one is believed. */
static void note_mtu(struct ftun_attachment *a)
{
    uint32_t mtu = a->plan.role == FTUN_SERVER ? mtu_of_server(a) : mtu_of_client(a);
    if (mtu == 0)
        mtu = a->mtu != 0 ? a->mtu : PATH_MTU_DEFAULT;
    a->mtu = mtu < FTUN_IP_PACKET_MAX ? (uint16_t)mtu : (uint16_t)FTUN_IP_PACKET_MAX;
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

/* --- rules -------------------------------------------------------------------------------- */

/* The families whose packets come and go by the links. A client does not touch IPv6 for a name that
 * has IPv4 addresses alone. */
static bool carries(const struct ftun_attachment *a, enum ftun_family family)
{
    const bool planned = family == FTUN_IPV6 ? a->plan.ipv6 : a->plan.ipv4;
    return planned &&
           (a->plan.role == FTUN_SERVER || ftun_remotes_have_family(&a->plan.remotes, family));
}

static bool load_rules(struct ftun_attachment *a, struct ftun_error *error)
{
    const bool ipv6 = carries(a, FTUN_IPV6);
    struct ftun_guarded_link guarded[FTUN_LINKS_MAX];
    const struct ftun_nat_guard guard = {
        .links = guarded,
        .count =
            ftun_forwarding_guarded(&a->sysctls, &a->links, carries(a, FTUN_IPV4), ipv6, guarded),
        .all_ipv6 = ipv6 && ftun_forwarding_ipv6_everywhere(&a->sysctls, a->tun.name),
    };
    char table[FTUN_NAT_TABLE_MAX];
    char *ruleset = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&ruleset, &len);
    if (out == NULL)
        return ftun_fail(error, "out of memory");
    ftun_nat_write_nft(out, &a->plan, a->tun.name, &guard, true);
    fclose(out);
    ftun_nat_table(a->tun.name, table);
    const bool done = ftun_firewall_load(&a->firewall, table, ruleset, error);
    free(ruleset);
    return done;
}

/* --- forwarding --------------------------------------------------------------------------- */

static bool forward_family(struct ftun_attachment *a, enum ftun_family family,
                           struct ftun_error *error)
{
    return !carries(a, family) ||
           ftun_forwarding_from_links(&a->sysctls, a->tun.name, family, &a->links, error);
}

static bool forward_from_tun(const struct ftun_attachment *a, struct ftun_error *error)
{
    return (!a->plan.ipv4 || ftun_forwarding_from_tun(a->tun.name, FTUN_IPV4, error)) &&
           (!a->plan.ipv6 || ftun_forwarding_from_tun(a->tun.name, FTUN_IPV6, error));
}

/* What it was switched on for before, and may still be, stays: a flow may come that way again. */
static bool note_links(struct ftun_attachment *a, bool *more, struct ftun_error *error)
{
    struct ftun_links all;
    struct ftun_links concerned;
    if (!ftun_links_all(&all, error))
        return false;
    if (a->plan.role == FTUN_SERVER)
        ftun_links_of_server(&all, a->tun.name, &concerned);
    else
        ftun_links_of_client(&all, &a->plan.remotes, &concerned);
    *more = false;
    const struct ftun_links before = a->links;
    a->links.count = 0;
    for (int i = 0; i < all.count; i++) {
        const bool had = ftun_links_contain(&before, &all.at[i]);
        const bool wanted = ftun_links_contain(&concerned, &all.at[i]);
        if (had || wanted)
            a->links.at[a->links.count++] = all.at[i];
        *more = *more || (wanted && !had);
    }
    return true;
}

/* The guard before what it guards. */
static bool open_links(struct ftun_attachment *a, struct ftun_error *error)
{
    return load_rules(a, error) && forward_family(a, FTUN_IPV4, error) &&
           forward_family(a, FTUN_IPV6, error);
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

static void close_queues(struct ftun_attachment *a)
{
    for (uint32_t i = 1; i < a->queues; i++)
        ftun_tun_close(&a->more[i - 1]);
    ftun_tun_close(&a->tun);
    a->queues = 0;
}

/* As many as planned, and the kernel gives each its own packets; else there is the first. */
static bool add_queues(struct ftun_attachment *a, struct ftun_error *error)
{
    if (!a->tun.multi_queue)
        return ftun_fail(error, "the TUN device %s was made for one queue (without multi_queue)",
                         a->tun.name);
    for (; a->queues < a->plan.workers; a->queues++)
        if (!ftun_tun_add_queue(&a->tun, &a->more[a->queues - 1], error))
            return false;
    return ftun_steering_attach(a->tun.fd, a->plan.role == FTUN_SERVER, a->queues, error);
}

static bool open_tun(struct ftun_attachment *a, const char *name, struct ftun_error *error)
{
    const bool several = a->plan.workers > 1;
    if (!ftun_tun_open(&a->tun, name, a->plan.offload, several, error))
        return false;
    a->queues = 1;
    if (!several || add_queues(a, &a->why_one_queue))
        return true;
    for (; a->queues > 1; a->queues--)
        ftun_tun_close(&a->more[a->queues - 2]);
    return true;
}

/* The same as before: workers wait for their queues. */
static bool open_tun_again(struct ftun_attachment *a, struct ftun_error *error)
{
    if (!open_tun(a, a->tun.name, error))
        return false;
    if (a->queues == a->plan.workers)
        return true;
    *error = a->why_one_queue;
    return false;
}

static bool set_up_nat(struct ftun_attachment *a, struct ftun_error *error)
{
    bool more;
    if (a->plan.role == FTUN_SERVER && !reserve_port(a, error))
        return false;
    a->hops = 1; /* from the TUN the host forwards */
    return open_tun(a, a->plan.tun_name, error) && ftun_sysctls_open(&a->sysctls, error) &&
           note_links(a, &more, error) && set_up_tun(a, error) && open_links(a, error) &&
           forward_from_tun(a, error);
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
    return open_tun(a, plan->tun_name, error);
}

/* The guard is there already: a table names its links, and does not mind that one is gone. */
static bool restore_nat(struct ftun_attachment *a, struct ftun_error *error)
{
    return open_tun_again(a, error) && set_up_tun(a, error) && forward_from_tun(a, error);
}

static bool restore_bare(struct ftun_attachment *a, struct ftun_error *error)
{
    if (a->tun.persistent && if_nametoindex(a->tun.name) == 0)
        return ftun_fail(error,
                         "the TUN device %s is gone, and ftun had not made it: make it again "
                         "(ftun rules says how), then start ftun",
                         a->tun.name);
    return open_tun_again(a, error);
}

/* One instance at a time sets up or takes down: two must not choose the same addresses, nor put
 * back each other's settings. -1 with errno: not to be had; EWOULDBLOCK when whoever holds it is
 * not waited for longer. */
static int lock_setup(int tries_max)
{
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};
    mkdir("/run/ftun", 0755);
    const int fd = open("/run/ftun/lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    for (int tries = 0; fd >= 0 && tries < tries_max; tries++) {
        if (tries > 0)
            nanosleep(&pause, NULL);
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return fd;
    }
    const int cause = errno;
    if (fd >= 0)
        close(fd);
    errno = cause;
    return -1;
}

static void take_down(struct ftun_attachment *a)
{
    ftun_sysctls_close(&a->sysctls);
    ftun_firewall_close(&a->firewall);
    close_queues(a);
    for (int i = 0; i < 2; i++) {
        if (a->reserved[i] >= 0)
            close(a->reserved[i]);
        a->reserved[i] = -1;
    }
}

static bool fail_lock(struct ftun_error *error)
{
    return ftun_fail(error,
                     "cannot lock /run/ftun/lock: %s; ftun needs root for its set-up, or "
                     "--setup=none",
                     strerror(errno));
}

typedef bool setup_step(struct ftun_attachment *a, struct ftun_error *error);

static bool do_locked(struct ftun_attachment *a, setup_step *step, struct ftun_error *error)
{
    const int lock = lock_setup(LOCK_TRIES);
    if (lock < 0)
        return fail_lock(error);
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
    if (done) {
        a->plan.workers = a->queues;
        note_mtu(a);
    }
    return done;
}

bool ftun_attachment_restore(struct ftun_attachment *a, struct ftun_error *error)
{
    close_queues(a);
    const bool done = a->plan.kind == FTUN_ATTACHMENT_NAT ? do_locked(a, restore_nat, error)
                                                          : restore_bare(a, error);
    if (!done)
        close_queues(a);
    return done;
}

/* The lock is not waited for: packets are. */
static enum ftun_follow_result open_more_links(struct ftun_attachment *a, struct ftun_error *error)
{
    const int lock = lock_setup(1);
    if (lock < 0 && errno == EWOULDBLOCK)
        return FTUN_FOLLOW_BUSY;
    if (lock < 0) {
        fail_lock(error);
        return FTUN_FOLLOW_FAILED;
    }
    const bool done = open_links(a, error);
    close(lock);
    return done ? FTUN_FOLLOWED : FTUN_FOLLOW_FAILED;
}

enum ftun_follow_result ftun_attachment_follow(struct ftun_attachment *a,
                                               const struct ftun_remotes *remotes,
                                               struct ftun_error *error)
{
    const struct ftun_links links_before = a->links;
    const struct ftun_remotes remotes_before = a->plan.remotes;
    bool more = false;
    a->plan.remotes = *remotes;
    note_mtu(a);
    if (a->plan.kind == FTUN_ATTACHMENT_MANUAL)
        return FTUN_FOLLOWED;
    if (!note_links(a, &more, error))
        return FTUN_FOLLOW_FAILED;
    if (!more && ftun_remotes_equal(remotes, &remotes_before))
        return FTUN_FOLLOWED;
    const enum ftun_follow_result result = open_more_links(a, error);
    if (result != FTUN_FOLLOWED) { /* so that the next try finds the difference again */
        a->links = links_before;
        a->plan.remotes = remotes_before;
    }
    return result;
}

void ftun_attachment_close(struct ftun_attachment *a)
{
    const int lock = a->sysctls.user_fd >= 0 ? lock_setup(LOCK_TRIES) : -1;
    take_down(a);
    if (lock >= 0)
        close(lock);
}
