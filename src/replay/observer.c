#include "observer.h"

#include "events.h"
#include "observed_flow.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

enum { REASSEMBLY_SLOTS = 16 };

bool ftun_observer_create(struct ftun_observer *observer)
{
    *observer = (struct ftun_observer){
        .flows = malloc(FTUN_OBSERVED_FLOWS * sizeof *observer->flows),
        .reassembly = {.slots = malloc(REASSEMBLY_SLOTS * sizeof *observer->reassembly.slots),
                       .slot_count = REASSEMBLY_SLOTS},
    };
    if (ftun_tuple_map_create(&observer->map, FTUN_OBSERVED_FLOWS) && observer->flows != NULL &&
        observer->reassembly.slots != NULL)
        return true;
    ftun_observer_free(observer);
    return false;
}

void ftun_observer_start(struct ftun_observer *observer, struct ftun_summary *summary, FILE *events)
{
    ftun_tuple_map_clear(&observer->map);
    ftun_reassembly_init(&observer->reassembly);
    observer->flow_count = 0;
    observer->rest = (struct ftun_observed_rest){0};
    observer->findings = (struct ftun_findings){0};
    observer->summary = summary;
    observer->events = events;
}

void ftun_observer_free(struct ftun_observer *observer)
{
    ftun_tuple_map_free(&observer->map);
    free(observer->flows);
    free(observer->reassembly.slots);
    *observer = (struct ftun_observer){0};
}

/* --- the table of flows ------------------------------------------------------------------- */

bool ftun_observed_silent(const struct ftun_observed_flow *flow, uint64_t now_ns)
{
    return flow->ended == FTUN_FLOW_OPEN && now_ns - flow->last_ns >= FTUN_IDLE_TIMEOUT_DEFAULT;
}

static void sum_up(struct ftun_observed_rest *rest, const struct ftun_observed_flow *flow)
{
    rest->flows++;
    for (size_t i = 0; i < 2; i++) {
        rest->segments += flow->end[i].segments;
        rest->datagrams += flow->end[i].sent.datagrams;
        rest->bytes += flow->end[i].sent.bytes;
    }
}

/* One key for both directions. */
static struct ftun_tuple key_of(const struct ftun_socket_address *a,
                                const struct ftun_socket_address *b)
{
    const int order = memcmp(a->ip.bytes, b->ip.bytes, sizeof a->ip.bytes);
    const bool in_order = order != 0 ? order < 0 : a->port <= b->port;
    return in_order ? (struct ftun_tuple){.local = *a, .remote = *b}
                    : (struct ftun_tuple){.local = *b, .remote = *a};
}

/* A SYN where a flow has ended begins another. */
static bool begins_anew(const struct ftun_observed_flow *flow, const struct ftun_packet *parsed,
                        uint64_t now_ns)
{
    const bool over = flow->ended != FTUN_FLOW_OPEN || ftun_observed_silent(flow, now_ns);
    return over && (parsed->tcp.flags & (FTUN_SYN | FTUN_ACK)) == FTUN_SYN;
}

static struct ftun_observed_flow *find(struct ftun_observer *observer, const struct ftun_tuple *key)
{
    const uint32_t index = ftun_tuple_map_find(&observer->map, key);
    return index == FTUN_NO_TUPLE ? NULL : &observer->flows[index];
}

static struct ftun_observed_flow *add(struct ftun_observer *observer, const struct ftun_tuple *key,
                                      const struct ftun_intake_packet *packet)
{
    bool yielded;
    const uint32_t index = ftun_tuple_map_add(&observer->map, key, &yielded);
    struct ftun_observed_flow *flow = &observer->flows[index];
    if (yielded)
        sum_up(&observer->rest, flow);
    *flow = (struct ftun_observed_flow){
        .number = ++observer->flow_count,
        .first_packet = packet->number,
        .first_ns = packet->now_ns,
        .last_ns = packet->now_ns,
    };
    return flow;
}

/* --- segments ----------------------------------------------------------------------------- */

static struct ftun_passing passing(struct ftun_observed_flow *flow,
                                   const struct ftun_socket_address *source,
                                   const struct ftun_intake_packet *packet, const uint8_t *data,
                                   const struct ftun_packet *parsed)
{
    const size_t from = ftun_socket_address_equal(source, &flow->address[0]) ? 0 : 1;
    return (struct ftun_passing){
        .packet = parsed,
        .message = ftun_message_find(&flow->messages, from == 0, data + parsed->payload_off,
                                     parsed->payload_len),
        .flow = flow,
        .from = &flow->end[from],
        .to = &flow->end[1 - from],
        .number = packet->number,
        .now_ns = packet->now_ns,
    };
}

/* A SYN begins a flow, and what acknowledges shows one under way. The one who opened it is the
 * sender, or the receiver of a SYN-ACK. */
static struct ftun_observed_flow *begin_flow(struct ftun_observer *observer,
                                             const struct ftun_tuple *key,
                                             const struct ftun_socket_address *source,
                                             const struct ftun_socket_address *destination,
                                             const struct ftun_intake_packet *packet,
                                             const uint8_t *data, const struct ftun_packet *parsed)
{
    const uint8_t flags = parsed->tcp.flags & (FTUN_SYN | FTUN_ACK | FTUN_RST);
    if (flags != FTUN_SYN && flags != FTUN_ACK && flags != (FTUN_SYN | FTUN_ACK))
        return NULL;
    const bool reversed = flags == (FTUN_SYN | FTUN_ACK);
    struct ftun_observed_flow *flow = add(observer, key, packet);
    flow->address[0] = reversed ? *destination : *source;
    flow->address[1] = reversed ? *source : *destination;
    if (flags == FTUN_ACK)
        flow->handshake = FTUN_HANDSHAKE_UNSEEN;
    else
        flow->handshake = FTUN_HANDSHAKE_UNFINISHED;
    if (flags != FTUN_SYN) {
        const struct ftun_passing p = passing(flow, source, packet, data, parsed);
        ftun_observed_join(&p);
    }
    return flow;
}

static void note_stray_rst(struct ftun_observer *observer, const struct ftun_packet *parsed,
                           const struct ftun_socket_address *source, uint64_t number)
{
    const enum ftun_finding finding = FTUN_FOUND_RST_STRANGER;
    struct ftun_findings *findings = &observer->findings;
    if ((parsed->tcp.flags & FTUN_RST) == 0 || !ftun_findings_note(findings, finding, number))
        return;
    struct ftun_text text =
        ftun_text_start(findings->first[finding], sizeof findings->first[finding]);
    ftun_text_string(&text, "from ");
    ftun_text_socket_address(&text, source);
}

/* The verdict, and the flow that it is about. `data`: the packet, from its IP header on. */
static enum ftun_refusal segment(struct ftun_observer *observer,
                                 const struct ftun_intake_packet *packet, const uint8_t *data,
                                 const struct ftun_packet *parsed,
                                 const struct ftun_observed_flow **of)
{
    const struct ftun_socket_address source = {parsed->ip.source, parsed->tcp.source_port};
    const struct ftun_socket_address destination = {parsed->ip.destination,
                                                    parsed->tcp.destination_port};
    const struct ftun_tuple key = key_of(&source, &destination);
    struct ftun_observed_flow *flow = find(observer, &key);
    if (flow != NULL && begins_anew(flow, parsed, packet->now_ns)) {
        ftun_tuple_map_unlink(&observer->map, (uint32_t)(flow - observer->flows));
        flow = NULL;
    }
    if (flow == NULL)
        flow = begin_flow(observer, &key, &source, &destination, packet, data, parsed);
    *of = flow;
    if (flow == NULL) {
        note_stray_rst(observer, parsed, &source, packet->number);
        return FTUN_REFUSED_NOT_OURS_FLOW;
    }
    const struct ftun_passing p = passing(flow, &source, packet, data, parsed);
    observer->message = p.message;
    return ftun_observed_segment(&p, &observer->findings);
}

/* --- routers ------------------------------------------------------------------------------ */

static void note_icmp(struct ftun_findings *findings, const struct ftun_packet *parsed,
                      uint64_t number)
{
    const struct ftun_icmp_error *error = &parsed->icmp;
    const enum ftun_finding finding =
        error->kind == FTUN_ICMP_TOO_BIG ? FTUN_FOUND_TOO_BIG : FTUN_FOUND_UNREACHABLE;
    if (!ftun_findings_note(findings, finding, number))
        return;
    struct ftun_text text =
        ftun_text_start(findings->first[finding], sizeof findings->first[finding]);
    ftun_text_string(&text, "from ");
    ftun_text_address(&text, &parsed->ip.source);
    ftun_text_string(&text, " about ");
    ftun_text_socket_address(&text, &error->tuple.local);
    ftun_text_string(&text, " to ");
    ftun_text_socket_address(&text, &error->tuple.remote);
    if (error->kind != FTUN_ICMP_TOO_BIG)
        return;
    ftun_text_string(&text, ", MTU ");
    ftun_text_unsigned(&text, error->mtu);
}

static enum ftun_refusal icmp_error(struct ftun_observer *observer,
                                    const struct ftun_packet *parsed, uint64_t number,
                                    const struct ftun_observed_flow **of)
{
    const struct ftun_tuple *quoted = &parsed->icmp.tuple;
    const struct ftun_tuple key = key_of(&quoted->local, &quoted->remote);
    const struct ftun_observed_flow *flow = find(observer, &key);
    note_icmp(&observer->findings, parsed, number);
    *of = flow;
    if (flow == NULL)
        return FTUN_REFUSED_NOT_OURS_ICMP;
    const size_t sender = ftun_socket_address_equal(&quoted->local, &flow->address[0]) ? 0 : 1;
    const struct ftun_connection *connection = &flow->end[sender].connection;
    const bool believed = connection->state != FTUN_CLOSED &&
                          ftun_connection_has_sent(connection, parsed->icmp.sequence);
    return believed ? FTUN_TAKEN : FTUN_REFUSED_NOT_OURS_ICMP;
}

/* --- fragments ---------------------------------------------------------------------------- */

static enum ftun_refusal fragment(struct ftun_observer *observer,
                                  const struct ftun_intake_packet *packet,
                                  const struct ftun_packet *parsed,
                                  const struct ftun_observed_flow **of)
{
    const struct ftun_ip_header *ip = &parsed->ip;
    struct ftun_reassembled whole;
    const enum ftun_refusal refusal = ftun_reassembly_fragment(
        &observer->reassembly, packet->now_ns, ip, packet->packet.data + ip->header_len, &whole);
    struct ftun_tally *refused = observer->summary->refused;
    ftun_tally_add(&refused[FTUN_REFUSED_FRAGMENT_TIMEOUT], packet->number, whole.timed_out);
    ftun_tally_add(&refused[FTUN_REFUSED_FRAGMENT_EVICTED], packet->number, whole.evicted);
    if (ip->protocol == FTUN_PROTOCOL_TCP)
        ftun_findings_note(&observer->findings, FTUN_FOUND_FRAGMENTS, packet->number);
    if (refusal != FTUN_TAKEN || whole.packet == NULL)
        return refusal;
    struct ftun_packet inner;
    const enum ftun_refusal inner_refusal =
        ftun_packet_parse(whole.packet, whole.len, packet->packet.checksum_vouched, &inner);
    return inner_refusal != FTUN_TAKEN ? inner_refusal
                                       : segment(observer, packet, whole.packet, &inner, of);
}

/* --- packets ------------------------------------------------------------------------------ */

static enum ftun_refusal observe(struct ftun_observer *observer, struct ftun_intake_packet *packet,
                                 const struct ftun_observed_flow **of)
{
    struct ftun_packet parsed;
    const enum ftun_refusal refusal = ftun_intake_parse(packet, &parsed);
    if (refusal != FTUN_TAKEN)
        return refusal;
    switch (parsed.kind) {
    case FTUN_PACKET_SEGMENT:
        return segment(observer, packet, packet->packet.data, &parsed, of);
    case FTUN_PACKET_ICMP_ERROR:
        return icmp_error(observer, &parsed, packet->number, of);
    case FTUN_PACKET_FRAGMENT:
        break;
    }
    return fragment(observer, packet, &parsed, of);
}

static void print_event(const struct ftun_observer *observer,
                        const struct ftun_intake_packet *packet, enum ftun_refusal verdict,
                        const struct ftun_observed_flow *flow)
{
    char text[96];
    struct ftun_text t = ftun_text_start(text, sizeof text);
    ftun_text_string(&t, verdict == FTUN_TAKEN ? "taken" : ftun_refusal_name(verdict));
    if (flow != NULL) {
        ftun_text_string(&t, ", flow ");
        ftun_text_unsigned(&t, flow->number);
        ftun_text_string(&t, ftun_message_note(observer->message));
    }
    ftun_events_packet(observer->events, packet, text);
}

static void note_packet(struct ftun_observer *observer, const struct ftun_intake_packet *packet,
                        enum ftun_refusal verdict)
{
    struct ftun_findings *findings = &observer->findings;
    if (verdict != FTUN_TAKEN)
        ftun_tally_add(&observer->summary->refused[verdict], packet->number, 1);
    if (verdict == FTUN_REFUSED_MALFORMED_TCP_CHECKSUM)
        ftun_findings_note(findings, FTUN_FOUND_CHECKSUM, packet->number);
    if (packet->checksum_left_to_nic)
        ftun_findings_note(findings, FTUN_FOUND_OFFLOAD, packet->number);
    if (packet->cut || packet->sight == FTUN_SIGHT_CUT)
        ftun_findings_note(findings, FTUN_FOUND_CUT, packet->number);
    if (packet->time_ran_backwards)
        ftun_findings_note(findings, FTUN_FOUND_BACKWARDS, packet->number);
}

void ftun_observer_packet(struct ftun_observer *observer, struct ftun_intake_packet *packet)
{
    if (packet->sight != FTUN_SIGHT_PACKET) {
        note_packet(observer, packet, FTUN_TAKEN);
        ftun_events_packet(observer->events, packet, "skipped");
        return;
    }
    const struct ftun_observed_flow *flow = NULL;
    observer->message = FTUN_MESSAGE_NONE;
    const enum ftun_refusal verdict = observe(observer, packet, &flow);
    note_packet(observer, packet, verdict);
    if (observer->events != NULL)
        print_event(observer, packet, verdict, flow);
}

/* --- the end ------------------------------------------------------------------------------ */

static int by_number(const void *a, const void *b)
{
    const struct ftun_observed_flow *const *left = a;
    const struct ftun_observed_flow *const *right = b;
    return (*left)->number < (*right)->number ? -1 : 1;
}

size_t ftun_observer_list(const struct ftun_observer *observer,
                          const struct ftun_observed_flow **out)
{
    const size_t count = observer->flow_count < FTUN_OBSERVED_FLOWS ? (size_t)observer->flow_count
                                                                    : FTUN_OBSERVED_FLOWS;
    for (size_t i = 0; i < count; i++) /* the map hands out its places in order at first */
        out[i] = &observer->flows[i];
    qsort(out, count, sizeof(void *), by_number);
    return count;
}

static void note_one_way(struct ftun_observer *observer, const struct ftun_observed_flow *flow)
{
    const size_t speaker = flow->end[0].segments > 0 ? 0 : 1;
    struct ftun_findings *findings = &observer->findings;
    if (flow->end[1 - speaker].segments > 0 || flow->end[speaker].segments < 2 ||
        !ftun_findings_note(findings, FTUN_FOUND_ONE_WAY, flow->first_packet))
        return;
    struct ftun_text text = ftun_text_start(findings->first[FTUN_FOUND_ONE_WAY],
                                            sizeof findings->first[FTUN_FOUND_ONE_WAY]);
    ftun_text_string(&text, "nothing from ");
    ftun_text_socket_address(&text, &flow->address[1 - speaker]);
}

void ftun_observer_finish(struct ftun_observer *observer)
{
    const struct ftun_observed_flow *flows[FTUN_OBSERVED_FLOWS];
    const size_t count = ftun_observer_list(observer, flows);
    for (size_t i = 0; i < count; i++)
        note_one_way(observer, flows[i]);
}
