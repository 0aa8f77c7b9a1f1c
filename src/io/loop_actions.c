/* What the endpoint asks for. */
#include "loop_state.h"

#include <errno.h>

static void send_segment(struct ftun_loop *loop, const struct ftun_action *action,
                         const struct ftun_burst *burst)
{
    struct ftun_slice slices[FTUN_UDP_MESSAGES_MAX];
    const size_t len = action->send.segment.payload_len;
    size_t count = 0;
    if (len > 0 && action->send.data != NULL)
        slices[count++] = (struct ftun_slice){.data = action->send.data, .len = len};
    else if (len > 0)
        count = ftun_burst_range(burst, action->send.offset, len, slices);
    if (!ftun_tun_write(loop->config.tun, &action->send.segment, action->send.stride, slices,
                        count))
        loop->counters.tunnel_drops++;
}

static void count_drops(struct ftun_loop *loop, size_t dropped)
{
    if (dropped == 0)
        return;
    if (errno == ECONNREFUSED)
        loop->counters.application_refused++;
    loop->counters.delivery_drops += dropped;
}

static void deliver(struct ftun_loop *loop, const struct ftun_action *action)
{
    const uint8_t *data = action->deliver.data;
    const size_t len = action->deliver.len;
    const size_t stride = action->deliver.stride;
    if (loop->config.role == FTUN_CLIENT)
        count_drops(loop,
                    ftun_listener_deliver(loop->config.listener, action->flow, data, len, stride));
    else
        count_drops(loop,
                    ftun_upstream_deliver(loop->config.upstream, action->flow, data, len, stride));
}

static void open_flow(struct ftun_loop *loop, uint32_t flow)
{
    if (loop->config.role == FTUN_CLIENT)
        return;
    const int fd = ftun_upstream_open(loop->config.upstream, flow);
    if (fd == FTUN_SHARED_SOCKET || (fd >= 0 && ftun_loop_watch(loop, fd, FROM_UPSTREAM, flow)))
        return;
    loop->counters.socket_failures++;
    loop->doomed = flow;
    if (loop->config.observer.no_socket != NULL)
        loop->config.observer.no_socket(loop->config.observer.context, flow, errno);
}

static void close_flow(struct ftun_loop *loop, uint32_t flow)
{
    if (loop->config.role == FTUN_SERVER)
        ftun_upstream_close(loop->config.upstream, flow);
}

static void hand_over(struct ftun_loop *loop, const struct ftun_action *action)
{
    const struct ftun_tunnel_packet packet = {
        .data = action->hand_over.data,
        .len = action->hand_over.len,
        .segment_size = action->hand_over.segment_size,
        .checksum_vouched = true,
    };
    const struct ftun_loop_owner *owner = &loop->config.owner;
    if (!owner->hand_over(owner->context, action->hand_over.worker, &packet))
        loop->counters.hand_over_drops++;
}

/* `burst` is the input that the action came from. */
static void carry_out(struct ftun_loop *loop, const struct ftun_action *action,
                      const struct ftun_burst *burst)
{
    if (loop->config.observer.action != NULL)
        loop->config.observer.action(loop->config.observer.context, action);
    switch (action->kind) {
    case FTUN_ACTION_SEND:
        send_segment(loop, action, burst);
        break;
    case FTUN_ACTION_DELIVER:
        deliver(loop, action);
        break;
    case FTUN_ACTION_OPEN:
        open_flow(loop, action->flow);
        break;
    case FTUN_ACTION_CLOSE:
        close_flow(loop, action->flow);
        break;
    case FTUN_ACTION_RECONNECT:
        loop->config.owner.reconnecting(loop->config.owner.context);
        break;
    case FTUN_ACTION_HAND_OVER:
        hand_over(loop, action);
        break;
    case FTUN_ACTION_ESTABLISHED:
    case FTUN_ACTION_MSS:
        break;
    }
}

const struct ftun_burst ftun_no_burst;

void ftun_loop_carry_out(struct ftun_loop *loop, const struct ftun_burst *burst)
{
    for (size_t i = 0; i < loop->actions.count; i++)
        carry_out(loop, &loop->actions.at[i], burst);
    if (loop->doomed == FTUN_NO_FLOW)
        return;
    const uint32_t doomed = loop->doomed;
    loop->doomed = FTUN_NO_FLOW;
    ftun_endpoint_close(loop->config.endpoint, loop->now_ns, doomed, &loop->actions);
    ftun_loop_carry_out(loop, &ftun_no_burst);
}
