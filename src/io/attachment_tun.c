#include "attachment_state.h"
#include "steering_program.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    TUN_MTU = 65535,     /* bytes: what arrives at the host never needs cutting on its way in */
    TUN_QUEUE_LEN = 1000 /* packets, super-segments among them */
};

void ftun_attachment_close_tun(struct ftun_attachment *a)
{
    for (uint32_t i = 1; i < a->queues; i++)
        ftun_tun_close(&a->more[i - 1]);
    ftun_tun_close(&a->tun);
    a->queues = 0;
}

/* Loaded once: privileges for it are gone when the TUN is made again. */
static bool steer(struct ftun_attachment *a, struct ftun_error *error)
{
    if (a->steering < 0)
        a->steering = ftun_steering_load(a->plan.role == FTUN_SERVER, a->queues);
    if (a->steering < 0)
        return ftun_fail(error, "the kernel takes no BPF program: %s", strerror(errno));
    return ftun_steering_attach(a->tun.fd, a->steering, error);
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
    return steer(a, error);
}

bool ftun_attachment_open_tun(struct ftun_attachment *a, const char *name, struct ftun_error *error)
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
bool ftun_attachment_open_tun_again(struct ftun_attachment *a, struct ftun_error *error)
{
    if (!ftun_attachment_open_tun(a, a->tun.name, error))
        return false;
    if (a->queues == a->plan.workers)
        return true;
    *error = a->why_one_queue;
    return false;
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

bool ftun_attachment_set_tun_up(const struct ftun_attachment *a, struct ftun_error *error)
{
    prepare_ipv6(a);
    return ftun_netlink_link_up(a->tun.name, TUN_MTU, TUN_QUEUE_LEN, FTUN_LINK_GROUP, error);
}

bool ftun_attachment_tun_local(const struct ftun_attachment *a, const struct ftun_route *route,
                               struct ftun_address *out)
{
    *out = route->family == FTUN_IPV6 ? a->plan.tun6.own : a->plan.tun4.own;
    return out->family != FTUN_FAMILY_NONE;
}
