/* Datagrams from applications: into segments, or into the queue of a handshake under way. */
#include "endpoint_state.h"

#include <string.h>

static void queue_datagram(struct ftun_endpoint *ep, struct ftun_flow *f,
                           const struct ftun_burst *burst, size_t offset, size_t len)
{
    if (len > f->connection.mss) {
        ftun_endpoint_refuse(ep, FTUN_REFUSED_DATAGRAM_TOO_LARGE, 1);
        return;
    }
    uint8_t *slot = f->pending.count < FTUN_PENDING_PER_FLOW
                        ? ftun_pending_append(&ep->pending, &f->pending, len)
                        : NULL;
    if (slot == NULL)
        ftun_endpoint_refuse(ep, FTUN_REFUSED_PENDING_FULL, 1);
    else
        ftun_burst_copy(burst, offset, len, slot);
}

static void queue_all(struct ftun_endpoint *ep, struct ftun_flow *f, const struct ftun_burst *burst,
                      size_t offset)
{
    while (offset < burst->len) {
        const size_t rest = burst->len - offset;
        const size_t len = rest < burst->stride ? rest : burst->stride;
        queue_datagram(ep, f, burst, offset, len);
        offset += len;
    }
}

/* Bytes that one action may carry: whole datagrams, a single one without offload. */
static size_t action_len(const struct ftun_endpoint *ep, size_t rest, size_t stride)
{
    const size_t most = ep->config.segmentation_offload ? FTUN_BURST_MAX / stride * stride : stride;
    return rest < most ? rest : most;
}

/* The same where a datagram might be taken for a record: one that is as long goes alone. */
static size_t guarded_len(size_t len, size_t stride)
{
    if (stride == FTUN_RESUME_RECORD)
        return len < stride ? len : stride;
    return len > stride && len % stride == FTUN_RESUME_RECORD ? len - FTUN_RESUME_RECORD : len;
}

static bool looks_like_record(const struct ftun_burst *burst, size_t offset, size_t len)
{
    uint8_t bytes[FTUN_RESUME_RECORD];
    struct ftun_resume_record record;
    if (len != FTUN_RESUME_RECORD)
        return false;
    ftun_burst_copy(burst, offset, len, bytes);
    return ftun_resume_record_read(bytes, len, &record);
}

/* Send from `offset` on what fits one action; returns the bytes dealt with. */
static size_t send_some(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                        const struct ftun_burst *burst, size_t offset, struct ftun_actions *actions)
{
    const struct ftun_connection *connection = &ep->table.flows[flow].connection;
    const size_t rest = burst->len - offset;
    const size_t stride = rest < burst->stride ? rest : burst->stride;
    if (stride > connection->mss) { /* the last datagram, if shorter, may still fit */
        const size_t too_large = rest / stride;
        ftun_endpoint_refuse(ep, FTUN_REFUSED_DATAGRAM_TOO_LARGE, too_large);
        return too_large * stride;
    }
    size_t len = action_len(ep, rest, stride);
    if (ftun_endpoint_may_forge_record(ep, connection)) {
        len = guarded_len(len, stride);
        if (looks_like_record(burst, offset, len)) {
            ftun_endpoint_refuse(ep, FTUN_REFUSED_DATAGRAM_LIKE_RECORD, 1);
            return len;
        }
    }
    ftun_endpoint_send_datagrams(ep, now_ns, flow, NULL, offset, len, stride, actions);
    return len;
}

size_t ftun_endpoint_datagrams(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                               const struct ftun_burst *burst, size_t offset,
                               struct ftun_actions *actions)
{
    actions->count = 0;
    struct ftun_flow *f = &ep->table.flows[flow];
    if (burst->stride == 0) {
        ftun_endpoint_refuse(ep, FTUN_REFUSED_DATAGRAM_EMPTY, 1);
        return burst->len;
    }
    if (now_ns - f->used_at >= FTUN_QUIET_AFTER)
        ftun_endpoint_hurry(ep, now_ns, flow);
    f->used_at = now_ns;
    if (f->connection.state == FTUN_SYN_SENT || ftun_endpoint_awaits_answer(f)) {
        queue_all(ep, f, burst, offset);
        return burst->len - offset;
    }
    if (f->connection.state != FTUN_ESTABLISHED || !f->announced) {
        const size_t count = ftun_datagram_count(burst->len - offset, burst->stride);
        ftun_endpoint_refuse(ep, FTUN_REFUSED_FLOW_CLOSING, count);
        return burst->len - offset;
    }
    size_t done = 0;
    while (offset + done < burst->len && actions->count < FTUN_ACTIONS_MAX)
        done += send_some(ep, now_ns, flow, burst, offset + done, actions);
    return done;
}
