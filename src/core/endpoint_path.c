/* The caller has learnt that the path to the server is another. */
#include "endpoint_state.h"

static bool is_offered(const struct ftun_endpoint *ep, const struct ftun_socket_address *remote)
{
    for (uint8_t i = 0; i < ep->remote_count; i++)
        if (ftun_socket_address_equal(&ep->remotes[i], remote))
            return true;
    return false;
}

/* An established connection has lasted through changes before: it is asked, and doubted only when
 * it does not answer. A handshake with an address that is none of the server's any more is not
 * worth waiting for. */
static void review(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow)
{
    struct ftun_flow *f = &ep->table.flows[flow];
    if (f->connection.state == FTUN_SYN_SENT && !is_offered(ep, &f->tuple.remote))
        ftun_connection_give_up_dialing(&f->connection, now_ns);
    else
        ftun_connection_ask(&f->connection, now_ns);
    ftun_endpoint_watch(ep, flow);
}

void ftun_endpoint_path_changed(struct ftun_endpoint *ep, uint64_t now_ns, uint16_t mtu)
{
    ep->config.mtu = mtu < ep->pending.slot_size ? mtu : (uint16_t)ep->pending.slot_size;
    if (ep->config.role != FTUN_CLIENT)
        return;
    for (uint32_t flow = 0; flow < ep->table.capacity; flow++)
        if (ep->table.flows[flow].in_use)
            review(ep, now_ns, flow);
}
