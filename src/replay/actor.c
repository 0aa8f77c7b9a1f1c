#include "actor.h"

#include "events.h"
#include "sequence.h"

#include <stdlib.h>
#include <string.h>

enum {
    MAX_FLOWS = 1024,
    PENDING_SLOTS = 256,
    REASSEMBLY_SLOTS = 16,
    MTU = 1500 /* bytes, of the path: Ethernet's */
};

static struct ftun_endpoint_config config_of(enum ftun_role role)
{
    return (struct ftun_endpoint_config){
        .role = role,
        .mtu = MTU,
        .segmentation_offload = true,
        .timeouts = {FTUN_IDLE_TIMEOUT_DEFAULT, FTUN_NEVER, FTUN_NEVER},
        .max_flows = MAX_FLOWS,
        .pending_slots = PENDING_SLOTS,
        .reassembly_slots = REASSEMBLY_SLOTS,
        /* a client's values are its secret: no other one can take its place */
        .resumption = role == FTUN_SERVER,
    };
}

bool ftun_actor_create(struct ftun_actor *actor, enum ftun_role role)
{
    *actor = (struct ftun_actor){.config = config_of(role)};
    actor->memory = malloc(ftun_endpoint_size(&actor->config));
    if (ftun_counterparts_create(&actor->counterparts, role, MAX_FLOWS) && actor->memory != NULL)
        return true;
    ftun_actor_free(actor);
    return false;
}

void ftun_actor_start(struct ftun_actor *actor, const struct ftun_socket_address *end,
                      struct ftun_summary *summary, FILE *events)
{
    actor->config = config_of(actor->config.role);
    actor->endpoint = ftun_endpoint_create(&actor->config, actor->memory);
    actor->end = *end;
    actor->awake = false;
    actor->summary = summary;
    actor->events = events;
    memset(actor->refused_before, 0, sizeof actor->refused_before);
    ftun_counterparts_clear(&actor->counterparts);
}

void ftun_actor_free(struct ftun_actor *actor)
{
    ftun_counterparts_free(&actor->counterparts);
    free(actor->memory);
    free(actor->packet);
    *actor = (struct ftun_actor){0};
}

/* --- what the endpoint has done ----------------------------------------------------------- */

static void print_actions(struct ftun_actor *actor)
{
    ftun_counterpart_learn(&actor->counterparts, &actor->actions);
    for (size_t i = 0; actor->events != NULL && i < actor->actions.count; i++) {
        const struct ftun_action action =
            ftun_counterpart_restore(&actor->counterparts, &actor->actions.at[i]);
        ftun_events_action(actor->events, &action);
    }
}

/* How many of a kind have been refused since the last look. */
static uint64_t newly_refused(struct ftun_actor *actor, enum ftun_refusal refusal)
{
    const uint64_t now = ftun_endpoint_counters(actor->endpoint)->refused[refusal];
    const uint64_t count = now - actor->refused_before[refusal];
    actor->refused_before[refusal] = now;
    if (count > 0)
        ftun_tally_add(&actor->summary->refused[refusal], actor->number, count);
    return count;
}

static void print_refused(struct ftun_actor *actor)
{
    for (unsigned r = 1; r < FTUN_REFUSAL_COUNT; r++) {
        const uint64_t count = newly_refused(actor, (enum ftun_refusal)r);
        if (count > 0)
            ftun_events_refused(actor->events, (enum ftun_refusal)r, count);
    }
}

/* Refused along with a packet, but not the packet itself. */
static bool is_bycatch(enum ftun_refusal refusal)
{
    return refusal == FTUN_REFUSED_FRAGMENT_TIMEOUT || refusal == FTUN_REFUSED_FRAGMENT_EVICTED ||
           refusal == FTUN_REFUSED_FLOW_CLOSING;
}

static enum ftun_refusal verdict(struct ftun_actor *actor)
{
    for (unsigned r = 1; r < FTUN_REFUSAL_COUNT; r++)
        if (!is_bycatch((enum ftun_refusal)r) && newly_refused(actor, (enum ftun_refusal)r) > 0)
            return (enum ftun_refusal)r;
    return FTUN_TAKEN;
}

static const char *verdict_name(enum ftun_refusal refusal)
{
    return refusal == FTUN_TAKEN ? "taken" : ftun_refusal_name(refusal);
}

/* --- time --------------------------------------------------------------------------------- */

static void run_deadlines(struct ftun_actor *actor, uint64_t now_ns)
{
    uint64_t due;
    while ((due = ftun_endpoint_deadline(actor->endpoint)) <= now_ns) {
        ftun_endpoint_timeout(actor->endpoint, due, &actor->actions);
        if (actor->actions.count > 0)
            ftun_events_timer(actor->events, due);
        print_actions(actor);
        print_refused(actor);
    }
}

static void end_turn(struct ftun_actor *actor, uint64_t now_ns)
{
    bool more;
    do {
        more = ftun_endpoint_end_turn(actor->endpoint, now_ns, &actor->actions);
        print_actions(actor);
    } while (more);
}

/* --- who is who --------------------------------------------------------------------------- */

static struct ftun_socket_address source_of(const struct ftun_packet *parsed)
{
    return (struct ftun_socket_address){parsed->ip.source, parsed->tcp.source_port};
}

static struct ftun_socket_address destination_of(const struct ftun_packet *parsed)
{
    return (struct ftun_socket_address){parsed->ip.destination, parsed->tcp.destination_port};
}

/* Give the endpoint its address: until then it has refused everything. */
static void wake(struct ftun_actor *actor)
{
    struct ftun_endpoint_config *config = &actor->config;
    config->path.local = actor->end.ip;
    *(actor->end.ip.family == FTUN_IPV6 ? &config->local6 : &config->local4) = actor->end.ip;
    config->port = actor->end.port;
    actor->endpoint = ftun_endpoint_create(config, actor->memory);
    memset(actor->refused_before, 0, sizeof actor->refused_before);
    actor->awake = true;
}

/* Phantun's first sequence number is 0; no other begins there but by chance. */
static void wake_by_syn(struct ftun_actor *actor, const struct ftun_packet *parsed)
{
    const bool server = actor->config.role == FTUN_SERVER;
    const struct ftun_socket_address source = source_of(parsed);
    const struct ftun_socket_address destination = destination_of(parsed);
    const struct ftun_socket_address *end = server ? &destination : &source;
    if (actor->end.ip.family == FTUN_FAMILY_NONE)
        actor->end = *end;
    else if (!ftun_socket_address_equal(&actor->end, end))
        return;
    actor->config.path.remote = destination;
    actor->config.peer = parsed->tcp.sequence == 0 ? FTUN_PEER_PHANTUN : FTUN_PEER_AUTO;
    wake(actor);
}

static void wake_if_due(struct ftun_actor *actor, const struct ftun_packet *parsed, bool readable)
{
    const bool server = actor->config.role == FTUN_SERVER;
    if (actor->awake)
        return;
    if (server && actor->end.ip.family != FTUN_FAMILY_NONE)
        wake(actor);
    else if (readable && parsed->kind == FTUN_PACKET_SEGMENT &&
             (parsed->tcp.flags & (FTUN_SYN | FTUN_ACK)) == FTUN_SYN)
        wake_by_syn(actor, parsed);
}

/* True when the end that is played has sent this packet. */
static bool is_own(const struct ftun_actor *actor, const struct ftun_packet *parsed)
{
    const bool from_us = ftun_address_equal(&parsed->ip.source, &actor->end.ip);
    if (!actor->awake || !from_us)
        return false;
    if (!ftun_address_equal(&parsed->ip.destination, &actor->end.ip))
        return true;
    if (parsed->kind != FTUN_PACKET_SEGMENT) /* both ends on one host: ports tell them apart */
        return false;
    const struct ftun_socket_address source = source_of(parsed);
    const struct ftun_socket_address destination = destination_of(parsed);
    if (actor->config.role == FTUN_CLIENT)
        return ftun_socket_address_equal(&destination, &actor->config.path.remote);
    return ftun_socket_address_equal(&source, &actor->end) &&
           !ftun_socket_address_equal(&destination, &actor->end);
}

/* True when a segment of its own belongs to what the end does in its role. */
static bool in_role(const struct ftun_actor *actor, const struct ftun_packet *parsed)
{
    if (parsed->kind != FTUN_PACKET_SEGMENT)
        return false;
    const struct ftun_socket_address source = source_of(parsed);
    const struct ftun_socket_address destination = destination_of(parsed);
    return actor->config.role == FTUN_SERVER
               ? ftun_socket_address_equal(&source, &actor->end)
               : ftun_socket_address_equal(&destination, &actor->config.path.remote);
}

/* --- what this end has sent --------------------------------------------------------------- */

static void open_flow(struct ftun_actor *actor, uint64_t now_ns, const struct ftun_tuple *tuple,
                      uint32_t sequence)
{
    actor->actions.count = 0;
    if (ftun_counterpart_open(&actor->counterparts, tuple, sequence))
        return;
    /* an application of its own for each connection: the packet's number tells them apart */
    struct ftun_socket_address application = {.ip.family = FTUN_IPV6, .port = tuple->local.port};
    memcpy(application.ip.bytes, &actor->number, sizeof actor->number);
    ftun_endpoint_flow(actor->endpoint, now_ns, &application, &actor->actions);
    print_actions(actor);
    actor->counterparts.opening = FTUN_NO_TUPLE; /* it may have been refused */
    print_refused(actor);
}

/* Bytes of a datagram of this payload: a host's capture may show many in one super-segment. */
static size_t stride_of(const struct ftun_counterpart *counterpart, size_t len)
{
    return counterpart->mss > 0 && counterpart->mss < len ? counterpart->mss : len;
}

/* The first sequence number of these actions' data is this end's for `captured`. */
static void align_to_data(struct ftun_actor *actor, struct ftun_counterpart *counterpart,
                          uint32_t captured)
{
    for (size_t i = 0; i < actor->actions.count; i++) {
        const struct ftun_action *action = &actor->actions.at[i];
        if (action->kind != FTUN_ACTION_SEND || action->send.segment.payload_len == 0)
            continue;
        ftun_counterpart_align(counterpart, captured, action->send.segment.tcp.sequence);
        return;
    }
}

static void give_datagrams(struct ftun_actor *actor, uint64_t now_ns,
                           struct ftun_counterpart *counterpart, const uint8_t *payload, size_t len,
                           uint32_t sequence)
{
    const struct ftun_slice slice = {.data = payload, .len = len};
    const struct ftun_burst burst = {
        .slices = &slice, .slice_count = 1, .len = len, .stride = stride_of(counterpart, len)};
    size_t done = 0;
    while (done < len && counterpart->flow != FTUN_NO_FLOW) {
        const size_t before = done;
        done += ftun_endpoint_datagrams(actor->endpoint, now_ns, counterpart->flow, &burst, done,
                                        &actor->actions);
        align_to_data(actor, counterpart, sequence + (uint32_t)before);
        print_actions(actor);
        print_refused(actor);
    }
}

static void close_flow(struct ftun_actor *actor, uint64_t now_ns, uint32_t flow)
{
    ftun_endpoint_close(actor->endpoint, now_ns, flow, &actor->actions);
    print_actions(actor);
    print_refused(actor);
}

static const char *own_verdict(enum ftun_message message, bool datagram, bool repeated, bool closes)
{
    if (message != FTUN_MESSAGE_NONE)
        return message == FTUN_MESSAGE_RECORD ? "own, resume record" : "own, resume answer";
    if (datagram)
        return closes ? "own, datagram, closes" : "own, datagram";
    if (closes)
        return "own, closes";
    return repeated ? "own, repeated" : "own";
}

/* What a segment of the connection carries, sent by this end or to it. */
static enum ftun_message message_of(const struct ftun_actor *actor,
                                    const struct ftun_intake_packet *packet,
                                    const struct ftun_packet *parsed,
                                    struct ftun_counterpart *counterpart, bool own)
{
    return ftun_message_find(&counterpart->messages, own == (actor->config.role == FTUN_CLIENT),
                             packet->packet.data + parsed->payload_off, parsed->payload_len);
}

/* New data and closes of a live flow; the rest a TCP does by itself, and the endpoint too. */
static void own_segment_of_flow(struct ftun_actor *actor, const struct ftun_intake_packet *packet,
                                const struct ftun_packet *parsed,
                                struct ftun_counterpart *counterpart)
{
    const size_t len = parsed->payload_len;
    const uint32_t end = parsed->tcp.sequence + (uint32_t)len;
    const bool closes = (parsed->tcp.flags & (FTUN_FIN | FTUN_RST)) != 0;
    const bool repeated =
        len > 0 && counterpart->has_sent && !ftun_seq_after(end, counterpart->sent_to);
    const enum ftun_message message = message_of(actor, packet, parsed, counterpart, true);
    const bool datagram = len > 0 && !repeated && message == FTUN_MESSAGE_NONE;
    ftun_events_packet(actor->events, packet, own_verdict(message, datagram, repeated, closes));
    if (message == FTUN_MESSAGE_RECORD && !repeated)
        counterpart->offset -= (uint32_t)len; /* which the endpoint does not send */
    if (datagram) {
        give_datagrams(actor, packet->now_ns, counterpart,
                       packet->packet.data + parsed->payload_off, len, parsed->tcp.sequence);
        counterpart->sent_to = end;
        counterpart->has_sent = true;
    }
    if (closes && counterpart->flow != FTUN_NO_FLOW)
        close_flow(actor, packet->now_ns, counterpart->flow);
}

static void own_syn(struct ftun_actor *actor, const struct ftun_intake_packet *packet,
                    const struct ftun_packet *parsed, const struct ftun_tuple *tuple)
{
    struct ftun_counterpart *counterpart = ftun_counterpart_find(&actor->counterparts, tuple);
    const uint32_t after = parsed->tcp.sequence + 1;
    if (actor->config.role == FTUN_CLIENT) {
        const bool again = counterpart != NULL && counterpart->flow != FTUN_NO_FLOW &&
                           counterpart->sent_to == after;
        ftun_events_packet(actor->events, packet, again ? "own, repeated" : "own, opens");
        if (!again)
            open_flow(actor, packet->now_ns, tuple, parsed->tcp.sequence);
        return;
    }
    ftun_events_packet(actor->events, packet, "own");
    if (counterpart == NULL)
        return;
    ftun_counterpart_align(counterpart, parsed->tcp.sequence, counterpart->isn);
    counterpart->sent_to = after;
    counterpart->has_sent = true;
}

static void own_packet(struct ftun_actor *actor, const struct ftun_intake_packet *packet,
                       const struct ftun_packet *parsed)
{
    if (!in_role(actor, parsed)) {
        ftun_events_packet(actor->events, packet, "own");
        return;
    }
    const struct ftun_tuple tuple = {.local = source_of(parsed), .remote = destination_of(parsed)};
    if ((parsed->tcp.flags & FTUN_SYN) != 0) {
        own_syn(actor, packet, parsed, &tuple);
        return;
    }
    struct ftun_counterpart *counterpart = ftun_counterpart_find(&actor->counterparts, &tuple);
    const bool live = counterpart != NULL && counterpart->flow != FTUN_NO_FLOW;
    if (!live && counterpart != NULL &&
        message_of(actor, packet, parsed, counterpart, true) == FTUN_MESSAGE_ANSWER)
        ftun_events_packet(actor->events, packet, "own, resume answer");
    else if (!live)
        ftun_events_packet(actor->events, packet, "own, without a flow");
    else
        own_segment_of_flow(actor, packet, parsed, counterpart);
}

/* --- what has come to this end ------------------------------------------------------------ */

/* In a block of exactly its size, so that a sanitizer sees a read beyond it. */
static void copy_packet(struct ftun_actor *actor, struct ftun_tunnel_packet *packet)
{
    free(actor->packet);
    actor->packet = malloc(packet->len > 0 ? packet->len : 1);
    if (actor->packet == NULL)
        abort();
    memcpy(actor->packet, packet->data, packet->len);
    packet->data = actor->packet;
}

/* What a packet to this end carries, if it is ftun's own. */
static enum ftun_message message_to(struct ftun_actor *actor,
                                    const struct ftun_intake_packet *packet,
                                    const struct ftun_packet *parsed)
{
    if (parsed == NULL || parsed->kind != FTUN_PACKET_SEGMENT)
        return FTUN_MESSAGE_NONE;
    const struct ftun_tuple tuple = {.local = destination_of(parsed), .remote = source_of(parsed)};
    struct ftun_counterpart *counterpart = ftun_counterpart_find(&actor->counterparts, &tuple);
    return counterpart == NULL ? FTUN_MESSAGE_NONE
                               : message_of(actor, packet, parsed, counterpart, false);
}

/* `parsed` NULL: it is not readable. */
static void give_packet(struct ftun_actor *actor, const struct ftun_intake_packet *packet,
                        const struct ftun_packet *parsed)
{
    const enum ftun_message message = message_to(actor, packet, parsed);
    if (message == FTUN_MESSAGE_ANSWER) { /* to what the endpoint has not sent */
        ftun_events_packet(actor->events, packet, "taken, resume answer");
        return;
    }
    struct ftun_tunnel_packet given = packet->packet;
    copy_packet(actor, &given);
    ftun_counterpart_receive(&actor->counterparts, actor->packet, given.len);
    ftun_endpoint_packet(actor->endpoint, packet->now_ns, &given, &actor->actions);
    const enum ftun_refusal refusal = verdict(actor);
    ftun_events_packet(actor->events, packet,
                       message == FTUN_MESSAGE_RECORD && refusal == FTUN_TAKEN
                           ? "taken, resume record"
                           : verdict_name(refusal));
    print_actions(actor);
    print_refused(actor);
}

void ftun_actor_packet(struct ftun_actor *actor, struct ftun_intake_packet *packet)
{
    actor->number = packet->number;
    run_deadlines(actor, packet->now_ns);
    if (packet->sight != FTUN_SIGHT_PACKET) {
        ftun_events_packet(actor->events, packet, "skipped");
        return;
    }
    struct ftun_packet parsed;
    const bool readable = ftun_intake_parse(packet, &parsed) == FTUN_TAKEN;
    wake_if_due(actor, &parsed, readable);
    if (readable && is_own(actor, &parsed))
        own_packet(actor, packet, &parsed);
    else
        give_packet(actor, packet, readable ? &parsed : NULL);
    end_turn(actor, packet->now_ns);
}
