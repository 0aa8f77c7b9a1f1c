/* When the TUN vanishes, the endpoint does not learn of it: to its flows the network loses
 * everything for a while. The loop has the device made again, at once and then once a second. */
#include "loop_state.h"

#include "netlink.h"

#include <errno.h>
#include <string.h>

enum { RESTORE_TRIES = 5 };

/* Between two tries to make the TUN again, successful ones too: somebody may take it away time and
 * again. */
static const uint64_t restore_interval = FTUN_SECOND;

/* Between two looks at what its queue has dropped. */
static const uint64_t look_interval = FTUN_SECOND;

bool ftun_loop_tunnel_is_lost(const struct ftun_loop *loop)
{
    return loop->config.tun->fd < 0;
}

bool ftun_loop_restores_tunnel(const struct ftun_loop *loop)
{
    return ftun_loop_tunnel_is_lost(loop) && loop->config.attachment != NULL;
}

void ftun_loop_lose_tunnel(struct ftun_loop *loop, int cause)
{
    const struct ftun_observer *observer = &loop->config.observer;
    if (observer->tunnel_lost != NULL && loop->config.attachment != NULL)
        observer->tunnel_lost(observer->context, loop->config.attachment, cause);
    ftun_tun_close(loop->config.tun);
}

void ftun_loop_take_tun(struct ftun_loop *loop, const struct ftun_tun *tun)
{
    ftun_tun_close(loop->config.tun);
    *loop->config.tun = *tun;
    if (!ftun_loop_watch(loop, tun->fd, FROM_TUN, 0))
        ftun_tun_close(loop->config.tun); /* until the TUN is made again */
}

void ftun_loop_begin_tunnel(struct ftun_loop *loop)
{
    if (loop->config.attachment != NULL)
        loop->tunnel_dropped = ftun_netlink_link_drops(loop->config.attachment->tun.name);
}

void ftun_loop_look_at_tunnel(struct ftun_loop *loop, bool now)
{
    if (loop->config.attachment == NULL || ftun_loop_tunnel_is_lost(loop) ||
        (!now && loop->now_ns < loop->looked_at_ns + look_interval))
        return;
    loop->looked_at_ns = loop->now_ns;
    const uint64_t dropped = ftun_netlink_link_drops(loop->config.attachment->tun.name);
    if (dropped <= loop->tunnel_dropped) /* fewer: the kernel did not answer */
        return;
    loop->counters.tunnel_overflow += dropped - loop->tunnel_dropped;
    loop->tunnel_dropped = dropped;
}

static bool make_tunnel_again(struct ftun_loop *loop, struct ftun_error *error)
{
    struct ftun_attachment *attachment = loop->config.attachment;
    if (!ftun_attachment_restore(attachment, error))
        return false;
    if (ftun_loop_watch(loop, attachment->tun.fd, FROM_TUN, 0))
        return true;
    ftun_fail(error, "cannot watch the TUN device %s: %s", attachment->tun.name, strerror(errno));
    ftun_tun_close(&attachment->tun);
    return false;
}

bool ftun_loop_restore_tunnel(struct ftun_loop *loop, struct ftun_error *error)
{
    const struct ftun_observer *observer = &loop->config.observer;
    if (!ftun_loop_restores_tunnel(loop) || loop->now_ns < loop->restore_at_ns)
        return true;
    loop->restore_at_ns = loop->now_ns + restore_interval;
    if (!make_tunnel_again(loop, error))
        return ++loop->restore_tries < RESTORE_TRIES;
    loop->restore_tries = 0;
    ftun_loop_begin_tunnel(loop);
    if (observer->tunnel_restored != NULL)
        observer->tunnel_restored(observer->context, loop->config.attachment);
    if (loop->config.owner.tunnel_restored != NULL)
        loop->config.owner.tunnel_restored(loop->config.owner.context);
    return true;
}
