#include "checked_endpoint.h"

#include "checksum.h"
#include "resume_token.h"
#include "trace.h"

struct ftun_endpoint_config checked_config(enum ftun_role role, uint8_t secret)
{
    return (struct ftun_endpoint_config){
        .role = role,
        .key = {{secret, (uint8_t)role, 3}},
        .mtu = 1500,
        .hops = 1,
        .segmentation_offload = true,
        .timeouts = {FTUN_IDLE_TIMEOUT_DEFAULT, FTUN_KEEPALIVE_DEFAULT, FTUN_DEAD_AFTER_DEFAULT},
        .max_flows = CHECKED_FLOWS,
        .pending_slots = CHECKED_PENDING_SLOTS,
        .reassembly_slots = CHECKED_REASSEMBLY_SLOTS,
    };
}

/* Memory of exactly this size for the endpoint of a role: the same block again if it fits, as
 * fresh pages for each input would take most of the time. */
static void *arena(enum ftun_role role, size_t size)
{
    static struct {
        void *memory;
        size_t size;
    } arenas[2];
    if (arenas[role].size != size) {
        free(arenas[role].memory);
        arenas[role].memory = fuzz_allocate(size);
        arenas[role].size = size;
    }
    return memset(arenas[role].memory, 0xa5, size); /* memory is as it comes */
}

void checked_create(struct checked_endpoint *end, const struct ftun_endpoint_config *config)
{
    void *const memory = arena(config->role, ftun_endpoint_size(config));
    *end = (struct checked_endpoint){.config = *config};
    end->endpoint = ftun_endpoint_create(config, memory);
    end->actions = fuzz_allocate(sizeof *end->actions);
    end->packet = fuzz_copy(NULL, 0);
    FUZZ_REQUIRE(ftun_endpoint_valid(end->endpoint));
}

void checked_destroy(struct checked_endpoint *end)
{
    fuzz_free(end->packet, end->packet_len);
    free(end->actions);
}

/* --- the wire ----------------------------------------------------------------------------- */

static void copy_payload(const struct ftun_action *send, const struct ftun_burst *burst,
                         uint8_t *out)
{
    const size_t len = send->send.segment.payload_len;
    if (len == 0)
        return;
    if (send->send.data != NULL) {
        memcpy(out, send->send.data, len);
        return;
    }
    FUZZ_REQUIRE(burst != NULL && send->send.offset + len <= burst->len);
    ftun_burst_copy(burst, send->send.offset, len, out);
}

/* The slices that writev() would get are the same bytes. */
static void check_slices(const struct ftun_action *send, const struct ftun_burst *burst,
                         const uint8_t *payload)
{
    const size_t len = send->send.segment.payload_len;
    if (len == 0 || send->send.data != NULL)
        return;
    struct ftun_slice *slices = fuzz_allocate(burst->slice_count * sizeof *slices);
    const size_t count = ftun_burst_range(burst, send->send.offset, len, slices);
    FUZZ_REQUIRE(count > 0 && count <= burst->slice_count);
    size_t done = 0;
    for (size_t i = 0; i < count; i++) {
        FUZZ_REQUIRE(slices[i].len > 0 && slices[i].len <= len - done);
        FUZZ_REQUIRE(memcmp(slices[i].data, payload + done, slices[i].len) == 0);
        done += slices[i].len;
    }
    FUZZ_REQUIRE(done == len);
    free(slices);
}

uint8_t *checked_wire_bytes(const struct ftun_action *send, const struct ftun_burst *burst,
                            size_t *len)
{
    const struct ftun_segment *segment = &send->send.segment;
    const size_t headers = ftun_ip_header_len((enum ftun_family)segment->tuple.local.ip.family) +
                           ftun_tcp_header_len(&segment->tcp);
    *len = headers + segment->payload_len;
    FUZZ_REQUIRE(*len <= FTUN_IP_PACKET_MAX);
    uint8_t *bytes = fuzz_allocate(*len);
    copy_payload(send, burst, bytes + headers);
    check_slices(send, burst, bytes + headers);
    const uint16_t sum = ftun_sum(bytes + headers, segment->payload_len);
    FUZZ_REQUIRE(ftun_segment_emit(segment, FTUN_CHECKSUM_FULL, sum, bytes) == headers);
    return bytes;
}

/* --- actions ------------------------------------------------------------------------------ */

/* A server does so before it is certain whether a flow begins. */
static bool answers_record(const struct checked_endpoint *end, const struct ftun_action *action)
{
    return end->config.role == FTUN_SERVER && end->config.resumption && action->send.data != NULL &&
           action->send.segment.payload_len == FTUN_RESUME_ANSWER;
}

static void check_send(struct checked_endpoint *end, const struct ftun_action *action,
                       const struct ftun_burst *burst)
{
    const struct ftun_segment *segment = &action->send.segment;
    const size_t payload_len = segment->payload_len;
    if (payload_len > 0 && !answers_record(end, action)) {
        FUZZ_REQUIRE(action->flow < CHECKED_FLOWS && end->flows[action->flow].established);
        FUZZ_REQUIRE(action->send.stride > 0);
        FUZZ_REQUIRE(action->send.stride <= end->flows[action->flow].mss);
        FUZZ_REQUIRE(end->config.segmentation_offload || payload_len <= action->send.stride);
    }
    FUZZ_REQUIRE(segment->ttl == 64 + end->config.hops);
    size_t len;
    uint8_t *bytes = checked_wire_bytes(action, burst, &len);
    struct ftun_packet packet;
    FUZZ_REQUIRE(ftun_packet_parse(bytes, len, false, &packet) == FTUN_TAKEN);
    FUZZ_REQUIRE(packet.kind == FTUN_PACKET_SEGMENT && packet.payload_len == payload_len);
    free(bytes);
}

static bool lies_in(const uint8_t *data, size_t len, const void *block, size_t size)
{
    const uintptr_t start = (uintptr_t)data;
    const uintptr_t first = (uintptr_t)block;
    return start >= first && len <= size && start - first <= size - len;
}

static void check_deliver(const struct checked_endpoint *end, const struct ftun_action *action)
{
    const size_t len = action->deliver.len;
    FUZZ_REQUIRE(end->flows[action->flow].open && end->flows[action->flow].established);
    FUZZ_REQUIRE(len > 0 && action->deliver.stride > 0 && action->deliver.stride <= len);
    FUZZ_REQUIRE(
        lies_in(action->deliver.data, len, end->packet, end->packet_len) ||
        lies_in(action->deliver.data, len, end->endpoint, ftun_endpoint_size(&end->config)));
}

/* Of a connection: a client's flow outlives it. */
static bool is_failure(enum ftun_close_reason reason)
{
    return reason == FTUN_CLOSED_RESET || reason == FTUN_CLOSED_REFUSED ||
           reason == FTUN_CLOSED_TIMEOUT || reason == FTUN_CLOSED_DEAD;
}

static void check_flow_action(struct checked_endpoint *end, const struct ftun_action *action)
{
    FUZZ_REQUIRE(action->flow < CHECKED_FLOWS);
    struct checked_flow *flow = &end->flows[action->flow];
    FUZZ_REQUIRE(flow->open != (action->kind == FTUN_ACTION_OPEN));
    switch (action->kind) {
    case FTUN_ACTION_OPEN:
        *flow = (struct checked_flow){.open = true};
        break;
    case FTUN_ACTION_ESTABLISHED:
        FUZZ_REQUIRE(action->established.mss > 0);
        if (action->established.again)
            FUZZ_REQUIRE(flow->established);
        else
            FUZZ_REQUIRE(!flow->established || flow->reconnects);
        flow->established = true;
        flow->reconnects = false;
        flow->mss = action->established.mss;
        break;
    case FTUN_ACTION_MSS:
        FUZZ_REQUIRE(action->mss.mss > 0);
        if (flow->established)
            FUZZ_REQUIRE(action->mss.mss < flow->mss);
        flow->mss = action->mss.mss;
        break;
    case FTUN_ACTION_RECONNECT:
        FUZZ_REQUIRE(flow->open);
        flow->reconnects = true;
        flow->established = flow->established && action->reconnect.attempt == 0;
        break;
    case FTUN_ACTION_CLOSE:
        FUZZ_REQUIRE(action->close.reason != FTUN_STILL_OPEN);
        FUZZ_REQUIRE(end->config.role == FTUN_SERVER || !is_failure(action->close.reason));
        flow->open = flow->established = false;
        break;
    case FTUN_ACTION_SEND:
    case FTUN_ACTION_DELIVER:
        break;
    case FTUN_ACTION_HAND_OVER:
        FUZZ_REQUIRE(action->kind != FTUN_ACTION_HAND_OVER); /* there are no other workers */
        break;
    }
}

/* The line fits what trace.h asks callers to have. */
static void check_trace(const struct ftun_action *action)
{
    char roomy[2 * FTUN_TRACE_MAX];
    FUZZ_REQUIRE(strlen(ftun_trace_action(action, roomy, sizeof roomy)) < FTUN_TRACE_MAX);
}

static void check_actions(struct checked_endpoint *end, const struct ftun_burst *burst)
{
    FUZZ_REQUIRE(ftun_endpoint_valid(end->endpoint));
    FUZZ_REQUIRE(end->actions->count <= FTUN_ACTIONS_MAX);
    for (size_t i = 0; i < end->actions->count; i++) {
        const struct ftun_action *action = &end->actions->at[i];
        check_trace(action);
        if (action->kind == FTUN_ACTION_SEND)
            check_send(end, action, burst);
        else
            check_flow_action(end, action);
        if (action->kind == FTUN_ACTION_DELIVER)
            check_deliver(end, action);
    }
    FUZZ_REQUIRE(ftun_endpoint_flow_count(end->endpoint) <= CHECKED_FLOWS);
}

/* --- calls -------------------------------------------------------------------------------- */

void checked_packet(struct checked_endpoint *end, uint64_t now_ns,
                    const struct ftun_tunnel_packet *packet)
{
    uint8_t *copy = fuzz_copy(packet->data, packet->len);
    fuzz_free(end->packet, end->packet_len);
    end->packet = copy;
    end->packet_len = packet->len;
    struct ftun_tunnel_packet copied = *packet;
    copied.data = copy;
    ftun_endpoint_packet(end->endpoint, now_ns, &copied, end->actions);
    check_actions(end, NULL);
}

uint32_t checked_flow(struct checked_endpoint *end, uint64_t now_ns,
                      const struct ftun_socket_address *application)
{
    const uint32_t flow = ftun_endpoint_flow(end->endpoint, now_ns, application, end->actions);
    check_actions(end, NULL);
    FUZZ_REQUIRE(flow == FTUN_NO_FLOW || (flow < CHECKED_FLOWS && end->flows[flow].open));
    return flow;
}

size_t checked_datagrams(struct checked_endpoint *end, uint64_t now_ns, uint32_t flow,
                         const struct ftun_burst *burst, size_t offset)
{
    const size_t done =
        ftun_endpoint_datagrams(end->endpoint, now_ns, flow, burst, offset, end->actions);
    check_actions(end, burst);
    FUZZ_REQUIRE(done <= burst->len - offset && (done > 0 || burst->len == offset));
    return done;
}

bool checked_end_turn(struct checked_endpoint *end, uint64_t now_ns)
{
    const bool more = ftun_endpoint_end_turn(end->endpoint, now_ns, end->actions);
    check_actions(end, NULL);
    return more;
}

void checked_timeout(struct checked_endpoint *end, uint64_t now_ns)
{
    ftun_endpoint_timeout(end->endpoint, now_ns, end->actions);
    check_actions(end, NULL);
    FUZZ_REQUIRE(ftun_endpoint_deadline(end->endpoint) > now_ns || end->actions->count > 0);
}

void checked_close(struct checked_endpoint *end, uint64_t now_ns, uint32_t flow)
{
    ftun_endpoint_close(end->endpoint, now_ns, flow, end->actions);
    check_actions(end, NULL);
}

void checked_path_changed(struct checked_endpoint *end, uint64_t now_ns,
                          const struct ftun_path *paths, size_t count, uint16_t mtu)
{
    if (end->config.role == FTUN_CLIENT)
        ftun_endpoint_set_paths(end->endpoint, paths, count);
    ftun_endpoint_path_changed(end->endpoint, now_ns, mtu);
    FUZZ_REQUIRE(ftun_endpoint_valid(end->endpoint));
}

bool checked_close_all(struct checked_endpoint *end, uint64_t now_ns)
{
    const bool more = ftun_endpoint_close_all(end->endpoint, now_ns, end->actions);
    check_actions(end, NULL);
    return more;
}
