/* Packets from the tunnel: of a flow, of a stranger who knocks, of a router that complains. */
#include "cookie.h"
#include "endpoint_state.h"
#include "mss.h"
#include "steering.h"

/* A packet that has been read: whole from the tunnel, or put together from fragments. */
struct arrival {
    const uint8_t *data;
    size_t len; /* bytes */
    struct ftun_packet packet;
    size_t segment_size; /* bytes, when the kernel has glued several segments; else 0 */
    bool reassembled;    /* the kernel has not seen it whole */
};

/* --- strangers ---------------------------------------------------------------------------- */

static bool may_answer_stranger(struct ftun_endpoint *ep, uint64_t now_ns)
{
    if (ftun_rate_limit_take(&ep->answers, now_ns, FTUN_ANSWERS_PER_SECOND))
        return true;
    ep->counters.answers_suppressed++;
    return false;
}

/* RFC 9293 3.10.7.1 for a client, whose ports are closed to strangers; 3.10.7.2 for a server, which
 * listens, and answers what acknowledges something. Never an RST for an RST. */
static void answer_reset(struct ftun_endpoint *ep, uint64_t now_ns, const struct ftun_tuple *tuple,
                         const struct ftun_packet *packet, struct ftun_actions *actions)
{
    const struct ftun_tcp_header *tcp = &packet->tcp;
    const bool acknowledges = (tcp->flags & FTUN_ACK) != 0;
    if ((tcp->flags & FTUN_RST) != 0 || (ep->config.role == FTUN_SERVER && !acknowledges) ||
        !may_answer_stranger(ep, now_ns))
        return;
    struct ftun_tcp_header reset = {.flags = FTUN_RST};
    if (acknowledges) {
        reset.sequence = tcp->acknowledgment;
    } else {
        const uint32_t syn_or_fin = (tcp->flags & (FTUN_SYN | FTUN_FIN)) != 0 ? 1 : 0;
        reset.flags = FTUN_RST | FTUN_ACK;
        reset.acknowledgment = tcp->sequence + (uint32_t)packet->payload_len + syn_or_fin;
    }
    ftun_endpoint_send_control(ep, FTUN_NO_FLOW, tuple, &reset, 0, actions);
}

/* Answer a SYN from its cookie alone; nothing is kept. */
static void answer_syn(struct ftun_endpoint *ep, uint64_t now_ns, const struct ftun_tuple *tuple,
                       const struct ftun_tcp_header *tcp, struct ftun_actions *actions)
{
    struct ftun_tcp_options offered;
    ftun_tcp_options_parse(tcp->options, tcp->options_len, &offered);
    const struct ftun_profile *profile = &ep->linux_profile;
    const uint16_t mss = ftun_mss((enum ftun_family)tuple->local.ip.family, ep->config.mtu);
    const struct ftun_tcp_options values = {
        .mss = mss,
        .timestamp_value = ftun_connection_timestamp(ftun_endpoint_seed(ep, tuple), now_ns),
        .timestamp_echo = offered.timestamp_value,
    };
    const size_t options_len = offered.has_timestamps ? FTUN_TCP_TIMESTAMPS : 0;
    struct ftun_tcp_header answer = {
        .sequence = ftun_cookie_make(&ep->config.key, now_ns, tuple, &offered),
        .acknowledgment = tcp->sequence + 1,
        .window = ftun_profile_syn_window(profile, (uint16_t)(mss - options_len)),
        .flags = FTUN_SYN | FTUN_ACK,
    };
    answer.options_len =
        (uint8_t)ftun_profile_syn_options(profile, &values, &offered, answer.options);
    ftun_endpoint_send_control(ep, FTUN_NO_FLOW, tuple, &answer, 0, actions);
}

/* --- room --------------------------------------------------------------------------------- */

static bool may_yield(const struct ftun_endpoint *ep, uint64_t now_ns)
{
    if (ep->table.oldest == FTUN_NO_FLOW) /* others have all flows that there may be */
        return false;
    const struct ftun_flow *oldest = &ep->table.flows[ep->table.oldest];
    return !oldest->open || now_ns - oldest->connection.liveness.heard_at >= FTUN_YIELD_AFTER;
}

/* Why there is no place for a flow from this address; FTUN_TAKEN when there is. */
static enum ftun_refusal refuses_flow(const struct ftun_endpoint *ep, uint64_t now_ns,
                                      const struct ftun_address *source, bool knocking)
{
    if (ep->closing && knocking)
        return FTUN_REFUSED_SHUTTING_DOWN;
    if (!ftun_source_table_admits(&ep->table.sources, source))
        return FTUN_REFUSED_SOURCE_LIMIT;
    return ftun_flow_table_full(&ep->table) && !may_yield(ep, now_ns) ? FTUN_REFUSED_FLOW_LIMIT
                                                                      : FTUN_TAKEN;
}

/* A free flow, if need be in the place of the one that was heard longest ago. FTUN_NO_FLOW when
 * another endpoint has just taken the last one. */
static uint32_t take_flow(struct ftun_endpoint *ep, uint64_t now_ns, struct ftun_actions *actions)
{
    if (ftun_flow_table_full(&ep->table) && may_yield(ep, now_ns)) {
        const uint32_t oldest = ep->table.oldest;
        struct ftun_step step;
        ep->counters.flows_yielded += ep->table.flows[oldest].open;
        ftun_connection_abort(&ep->table.flows[oldest].connection, FTUN_CLOSED_YIELDED, &step);
        ftun_endpoint_apply(ep, now_ns, oldest, &step, actions);
    }
    return ftun_flow_table_take(&ep->table);
}

/* --- handshakes --------------------------------------------------------------------------- */

/* The third packet of a handshake, or a later one: make the flow it belongs to; FTUN_NO_FLOW when
 * there is no room after all. */
static uint32_t accept_flow(struct ftun_endpoint *ep, uint64_t now_ns,
                            const struct ftun_tuple *tuple, const struct ftun_tcp_header *tcp,
                            const struct ftun_cookie *cookie, struct ftun_actions *actions)
{
    const uint32_t flow = take_flow(ep, now_ns, actions);
    if (flow == FTUN_NO_FLOW)
        return FTUN_NO_FLOW;
    struct ftun_flow *f = &ep->table.flows[flow];
    /* Phantun's SYN names no MSS */
    const struct ftun_profile *profile =
        cookie->mss == 0 ? &ep->phantun_profile : &ep->linux_profile;
    const uint16_t mss = ftun_mss((enum ftun_family)tuple->local.ip.family, ep->config.mtu);
    f->tuple = *tuple;
    /* the caller is told when it is certain that it is not another flow */
    ftun_endpoint_open_flow(ep, flow);
    f->source = ftun_source_table_enter(&ep->table.sources, &tuple->remote.ip);
    f->used_at = now_ns;
    ftun_flow_table_link(&ep->table, flow);
    ftun_connection_accept(&f->connection, now_ns, profile, tcp, mss, cookie->window_scale,
                           ftun_endpoint_seed(ep, tuple) ^ (uint16_t)ftun_endpoint_draw(ep));
    if (cookie->mss != 0)
        ftun_connection_limit_mss(&f->connection, cookie->mss);
    return flow;
}

static void flow_segment(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                         const struct arrival *arrival, struct ftun_actions *actions);

static bool knocks(const struct ftun_endpoint *ep, const struct ftun_tcp_header *tcp)
{
    return ep->config.role == FTUN_SERVER &&
           (tcp->flags & (FTUN_SYN | FTUN_ACK | FTUN_RST)) == FTUN_SYN;
}

static bool completes_handshake(const struct ftun_endpoint *ep, uint64_t now_ns,
                                const struct ftun_tuple *tuple, const struct ftun_tcp_header *tcp,
                                struct ftun_cookie *cookie)
{
    return ep->config.role == FTUN_SERVER &&
           (tcp->flags & (FTUN_SYN | FTUN_ACK | FTUN_RST | FTUN_FIN)) == FTUN_ACK &&
           ftun_cookie_check(&ep->config.key, now_ns, tuple, tcp->acknowledgment - 1, cookie);
}

static void stranger(struct ftun_endpoint *ep, uint64_t now_ns, const struct ftun_tuple *tuple,
                     const struct arrival *arrival, struct ftun_actions *actions)
{
    const struct ftun_packet *packet = &arrival->packet;
    struct ftun_cookie cookie;
    const bool knocking = knocks(ep, &packet->tcp);
    if (!knocking && !completes_handshake(ep, now_ns, tuple, &packet->tcp, &cookie)) {
        ftun_endpoint_refuse(ep, FTUN_REFUSED_NOT_OURS_FLOW, 1);
        answer_reset(ep, now_ns, tuple, packet, actions);
        return;
    }
    const enum ftun_refusal refusal = refuses_flow(ep, now_ns, &tuple->remote.ip, knocking);
    if (refusal != FTUN_TAKEN) {
        ftun_endpoint_refuse(ep, refusal, 1);
        if (!knocking) /* a SYN is dropped, as by a kernel whose backlog is full */
            answer_reset(ep, now_ns, tuple, packet, actions);
    } else if (knocking) {
        answer_syn(ep, now_ns, tuple, &packet->tcp, actions);
    } else {
        const uint32_t flow = accept_flow(ep, now_ns, tuple, &packet->tcp, &cookie, actions);
        if (flow == FTUN_NO_FLOW) {
            ftun_endpoint_refuse(ep, FTUN_REFUSED_FLOW_LIMIT, 1);
            return;
        }
        if (!ftun_endpoint_expects_record(ep, flow))
            ftun_endpoint_announce(ep, now_ns, flow, actions);
        flow_segment(ep, now_ns, flow, arrival, actions);
    }
}

/* --- flows -------------------------------------------------------------------------------- */

static void deliver(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                    const struct ftun_payload *payload, struct ftun_actions *actions)
{
    struct ftun_action *action = ftun_endpoint_act(actions, FTUN_ACTION_DELIVER, flow);
    action->deliver.data = payload->data;
    action->deliver.len = payload->len;
    action->deliver.stride = payload->stride;
    ep->counters.datagrams_delivered += ftun_datagram_count(payload->len, payload->stride);
    ep->counters.bytes_delivered += payload->len;
    ep->table.flows[flow].used_at = now_ns;
}

/* Returns the flow that the connection belongs to then. */
static uint32_t take_payload(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                             const struct arrival *arrival, size_t stride,
                             struct ftun_actions *actions)
{
    struct ftun_payload payload = {
        .data = arrival->data + arrival->packet.payload_off,
        .len = arrival->packet.payload_len,
        .stride = stride,
    };
    flow = ftun_endpoint_take_messages(ep, now_ns, flow, &payload, actions);
    if (payload.len == 0)
        return flow;
    ftun_endpoint_announce(ep, now_ns, flow, actions);
    deliver(ep, now_ns, flow, &payload, actions);
    return flow;
}

static void flow_segment(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                         const struct arrival *arrival, struct ftun_actions *actions)
{
    struct ftun_flow *f = &ep->table.flows[flow];
    const struct ftun_packet *packet = &arrival->packet;
    const size_t payload_len = packet->payload_len;
    const size_t stride = arrival->segment_size == 0 || arrival->segment_size > payload_len
                              ? payload_len
                              : arrival->segment_size;
    const size_t segments = payload_len == 0 ? 0 : ftun_datagram_count(payload_len, stride);
    const uint64_t heard_before = f->connection.liveness.heard_at;
    struct ftun_step step;
    const enum ftun_refusal refusal =
        ftun_connection_segment(&f->connection, now_ns, &packet->tcp, payload_len, segments, &step);
    if (f->connection.liveness.heard_at / FTUN_SECOND != heard_before / FTUN_SECOND)
        ftun_flow_table_heard(&ep->table, flow); /* once a second is order enough */
    if (refusal != FTUN_TAKEN)
        ftun_endpoint_refuse(ep, refusal, segments > 0 ? segments : 1);
    if (step.deliver)
        flow = take_payload(ep, now_ns, flow, arrival, stride, actions);
    ftun_endpoint_apply(ep, now_ns, flow, &step, actions);
}

static bool is_our_address(const struct ftun_endpoint *ep, const struct ftun_address *address)
{
    if (ep->config.any_local)
        return ftun_address_is_host(address) && !ftun_address_is_link_local6(address);
    if (ep->config.role == FTUN_CLIENT)
        return ftun_endpoint_sends_from(ep, address);
    return ftun_address_equal(address, address->family == FTUN_IPV6 ? &ep->config.local6
                                                                    : &ep->config.local4);
}

static bool addressed_to_us(const struct ftun_endpoint *ep, const struct ftun_tuple *tuple)
{
    return is_our_address(ep, &tuple->local.ip) &&
           (ep->config.role == FTUN_CLIENT || tuple->local.port == ep->config.port);
}

/* True when a packet of this connection belongs to another worker, to which it is handed over. */
static bool hand_over(struct ftun_endpoint *ep, const struct ftun_tuple *tuple,
                      const struct arrival *arrival, struct ftun_actions *actions)
{
    const bool server = ep->config.role == FTUN_SERVER;
    const uint16_t port = server ? tuple->remote.port : tuple->local.port;
    const uint32_t workers = ep->config.workers;
    const uint32_t owner = ftun_steering_worker(port, workers);
    if (owner == ep->config.worker)
        return false;
    ep->counters.packets_handed_over++;
    if (!arrival->reassembled &&
        ftun_steering_of_packet(arrival->data, arrival->len, server, workers) == owner)
        ep->counters.packets_misdirected++;
    struct ftun_action *action = ftun_endpoint_act(actions, FTUN_ACTION_HAND_OVER, FTUN_NO_FLOW);
    action->hand_over.worker = owner;
    action->hand_over.data = arrival->data;
    action->hand_over.len = arrival->len;
    action->hand_over.segment_size = arrival->segment_size;
    return true;
}

static void segment(struct ftun_endpoint *ep, uint64_t now_ns, const struct arrival *arrival,
                    struct ftun_actions *actions)
{
    const struct ftun_packet *packet = &arrival->packet;
    const struct ftun_tuple tuple = {
        .local = {.ip = packet->ip.destination, .port = packet->tcp.destination_port},
        .remote = {.ip = packet->ip.source, .port = packet->tcp.source_port},
    };
    const uint32_t flow = ftun_flow_table_find(&ep->table, &tuple);
    const bool known = flow != FTUN_NO_FLOW;
    const bool ours = known || addressed_to_us(ep, &tuple);
    if (!known && ours && hand_over(ep, &tuple, arrival, actions))
        return;
    ep->counters.segments_received +=
        arrival->segment_size == 0
            ? 1
            : ftun_datagram_count(packet->payload_len, arrival->segment_size);
    if (!ours) {
        ftun_endpoint_refuse(ep, FTUN_REFUSED_NOT_OURS_ADDRESS, 1);
        return;
    }
    if (!known) {
        stranger(ep, now_ns, &tuple, arrival, actions);
    } else if (ep->table.flows[flow].detached) { /* its connection is gone */
        ftun_endpoint_refuse(ep, FTUN_REFUSED_NOT_OURS_FLOW, 1);
        answer_reset(ep, now_ns, &tuple, packet, actions);
    } else {
        flow_segment(ep, now_ns, flow, arrival, actions);
    }
}

/* --- routers ------------------------------------------------------------------------------ */

static void lower_mss(struct ftun_endpoint *ep, uint32_t flow, const struct ftun_icmp_error *error,
                      struct ftun_actions *actions)
{
    const bool ipv6 = ep->table.flows[flow].tuple.local.ip.family == FTUN_IPV6;
    const uint32_t least = ipv6 ? FTUN_IPV6_MTU_MIN : FTUN_IPV4_MTU_MIN;
    const uint32_t mtu = error->mtu > least ? error->mtu : least;
    if (mtu < ep->config.mtu)
        ftun_endpoint_limit_mtu(ep, flow, (uint16_t)mtu, actions);
}

static void icmp_error(struct ftun_endpoint *ep, const struct arrival *arrival,
                       struct ftun_actions *actions)
{
    const struct ftun_packet *packet = &arrival->packet;
    const struct ftun_icmp_error *error = &packet->icmp;
    if (hand_over(ep, &error->tuple, arrival, actions))
        return;
    ep->counters.icmp_errors_received++;
    if (!is_our_address(ep, &packet->ip.destination)) {
        ftun_endpoint_refuse(ep, FTUN_REFUSED_NOT_OURS_ADDRESS, 1);
        return;
    }
    const uint32_t flow = ftun_flow_table_find(&ep->table, &error->tuple);
    if (flow == FTUN_NO_FLOW ||
        !ftun_connection_has_sent(&ep->table.flows[flow].connection, error->sequence)) {
        ftun_endpoint_refuse(ep, FTUN_REFUSED_NOT_OURS_ICMP, 1);
        return;
    }
    /* "unreachable" is a soft error (RFC 5461 2): the handshake's timeout or the peer's silence
     * decide */
    if (error->kind == FTUN_ICMP_TOO_BIG)
        lower_mss(ep, flow, error, actions);
}

/* --- packets ------------------------------------------------------------------------------ */

/* A part of a segment: only for us is memory spent on it. */
static void fragment(struct ftun_endpoint *ep, uint64_t now_ns, const struct arrival *part,
                     struct ftun_actions *actions)
{
    const struct ftun_ip_header *ip = &part->packet.ip;
    ep->counters.fragments_received++;
    if (!is_our_address(ep, &ip->destination)) {
        ftun_endpoint_refuse(ep, FTUN_REFUSED_NOT_OURS_ADDRESS, 1);
        return;
    }
    struct ftun_reassembled whole;
    enum ftun_refusal refusal =
        ftun_reassembly_fragment(&ep->reassembly, now_ns, ip, part->data + ip->header_len, &whole);
    ftun_endpoint_refuse(ep, FTUN_REFUSED_FRAGMENT_TIMEOUT, whole.timed_out);
    ftun_endpoint_refuse(ep, FTUN_REFUSED_FRAGMENT_EVICTED, whole.evicted);
    if (whole.packet != NULL) {
        struct arrival arrival = {.data = whole.packet, .len = whole.len, .reassembled = true};
        ep->counters.packets_reassembled++;
        refusal = ftun_packet_parse(whole.packet, whole.len, false, &arrival.packet);
        if (refusal == FTUN_TAKEN)
            segment(ep, now_ns, &arrival, actions);
    }
    if (refusal != FTUN_TAKEN)
        ftun_endpoint_refuse(ep, refusal, 1);
}

void ftun_endpoint_packet(struct ftun_endpoint *ep, uint64_t now_ns,
                          const struct ftun_tunnel_packet *tunnel_packet,
                          struct ftun_actions *actions)
{
    actions->count = 0;
    struct arrival arrival;
    arrival.data = tunnel_packet->data;
    arrival.len = tunnel_packet->len;
    arrival.reassembled = false;
    arrival.segment_size = tunnel_packet->segment_size;
    const enum ftun_refusal refusal = ftun_packet_parse(
        tunnel_packet->data, tunnel_packet->len, tunnel_packet->checksum_vouched, &arrival.packet);
    if (refusal != FTUN_TAKEN) {
        ftun_endpoint_refuse(ep, refusal, 1);
        return;
    }
    switch (arrival.packet.kind) {
    case FTUN_PACKET_SEGMENT:
        segment(ep, now_ns, &arrival, actions);
        break;
    case FTUN_PACKET_ICMP_ERROR:
        icmp_error(ep, &arrival, actions);
        break;
    case FTUN_PACKET_FRAGMENT:
        fragment(ep, now_ns, &arrival, actions);
        break;
    }
}
