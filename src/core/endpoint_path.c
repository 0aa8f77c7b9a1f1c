/* The caller has learnt that the path to the server is another. */
#include "endpoint_state.h"

void ftun_endpoint_path_changed(struct ftun_endpoint *ep, uint64_t now_ns, uint16_t mtu)
{
    ep->config.mtu = mtu < ep->pending.slot_size ? mtu : (uint16_t)ep->pending.slot_size;
    if (ep->config.role != FTUN_CLIENT)
        return;
    /* a connection has lasted through changes before: it is doubted only when it does not answer */
    for (uint32_t flow = 0; flow < ep->table.begun; flow++) {
        if (!ep->table.flows[flow].in_use)
            continue;
        ftun_endpoint_hurry(ep, now_ns, flow);
        ftun_connection_ask(&ep->table.flows[flow].connection, now_ns);
        ftun_endpoint_watch(ep, flow);
    }
}
