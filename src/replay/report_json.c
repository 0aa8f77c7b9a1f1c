#include "report.h"

#include "text.h"

#include <jansson.h>

/* Takes over every value that is handed to it; NULL ones make the whole NULL in the end. */
static void set(json_t *object, const char *key, json_t *value)
{
    json_object_set_new(object, key, value);
}

static void set_number(json_t *object, const char *key, uint64_t value)
{
    set(object, key, json_integer((json_int_t)value));
}

static void set_address(json_t *object, const char *key, const struct ftun_socket_address *address)
{
    char text[FTUN_ADDRESS_TEXT];
    set(object, key,
        address == NULL ? json_null() : json_string(ftun_socket_address_string(address, text)));
}

static json_t *direction(const struct ftun_observed_flow *flow, size_t from)
{
    const struct ftun_observed_end *end = &flow->end[from];
    json_t *object = json_object();
    set_address(object, "from", &flow->address[from]);
    set_address(object, "to", &flow->address[1 - from]);
    set_number(object, "segments", end->segments);
    set_number(object, "datagrams", end->sent.datagrams);
    set_number(object, "bytes", end->sent.bytes);
    set_number(object, "lost", ftun_stream_lost_gaps(&end->sent));
    set_number(object, "lost_bytes", ftun_stream_lost_bytes(&end->sent));
    set_number(object, "late", end->sent.late);
    set_number(object, "repeated", end->sent.repeated);
    return object;
}

static const char *handshake_name(enum ftun_handshake handshake)
{
    switch (handshake) {
    case FTUN_HANDSHAKE_UNSEEN:
        return "unseen";
    case FTUN_HANDSHAKE_UNFINISHED:
        return "unfinished";
    case FTUN_HANDSHAKE_COMPLETE:
        break;
    }
    return "complete";
}

static json_t *flow_object(const struct ftun_observed_flow *flow, uint64_t now_ns)
{
    const struct ftun_socket_address *by;
    const char *end = ftun_report_end(flow, now_ns, &by);
    json_t *object = json_object();
    json_t *directions = json_array();
    set_number(object, "number", flow->number);
    set_number(object, "first_packet", flow->first_packet);
    set_number(object, "begins_ns", flow->first_ns - FTUN_INTAKE_START);
    set_number(object, "lasts_ns", flow->last_ns - flow->first_ns);
    set(object, "handshake", json_string(handshake_name(flow->handshake)));
    if (flow->handshake == FTUN_HANDSHAKE_COMPLETE)
        set_number(object, "handshake_ns", flow->established_ns - flow->first_ns);
    set(object, "dialect", json_string(ftun_dialect_name(flow->dialect)));
    set(object, "end", json_string(end));
    set_address(object, "end_by", by);
    json_array_append_new(directions, direction(flow, 0));
    json_array_append_new(directions, direction(flow, 1));
    set(object, "directions", directions);
    return object;
}

static json_t *flows_array(const struct ftun_observer *observer, uint64_t now_ns)
{
    const struct ftun_observed_flow *flows[FTUN_OBSERVED_FLOWS];
    const size_t count = ftun_observer_list(observer, flows);
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, flow_object(flows[i], now_ns));
    return array;
}

static json_t *rest_object(const struct ftun_observed_rest *rest)
{
    json_t *object = json_object();
    set_number(object, "flows", rest->flows);
    set_number(object, "segments", rest->segments);
    set_number(object, "datagrams", rest->datagrams);
    set_number(object, "bytes", rest->bytes);
    return object;
}

static void append_tally(json_t *array, const struct ftun_tally *tally, const char *name,
                         const char *text, const char *first)
{
    if (tally->count == 0)
        return;
    json_t *object = json_object();
    set(object, "name", json_string(name));
    set_number(object, "count", tally->count);
    set_number(object, "first_packet", tally->first);
    set(object, "text", json_string(text));
    if (first != NULL && first[0] != '\0')
        set(object, "first", json_string(first));
    json_array_append_new(array, object);
}

static json_t *refused_array(const struct ftun_summary *summary)
{
    json_t *array = json_array();
    for (unsigned r = 1; r < FTUN_REFUSAL_COUNT; r++)
        append_tally(array, &summary->refused[r], ftun_refusal_name((enum ftun_refusal)r),
                     ftun_refusal_text((enum ftun_refusal)r), NULL);
    return array;
}

static json_t *findings_array(const struct ftun_findings *findings)
{
    json_t *array = json_array();
    for (unsigned f = 0; f < FTUN_FINDING_COUNT; f++)
        append_tally(array, &findings->at[f], ftun_finding_name((enum ftun_finding)f),
                     ftun_finding_seen((enum ftun_finding)f), findings->first[f]);
    return array;
}

static json_t *capture_object(const struct ftun_summary *summary)
{
    json_t *object = json_object();
    set_number(object, "packets", summary->frames);
    set_number(object, "duration_ns", summary->duration_ns);
    set_number(object, "ip_bytes", summary->ip_bytes);
    set_number(object, "not_ip", summary->not_ip.count);
    set_number(object, "no_frame", summary->no_frame.count);
    set_number(object, "cut", summary->cut.count);
    set(object, "broken", json_boolean(summary->broken));
    return object;
}

static json_t *actor_object(const struct ftun_actor *actor)
{
    const struct ftun_counters *c = ftun_endpoint_counters(actor->endpoint);
    json_t *object = json_object();
    set_address(object, "end", actor->awake ? &actor->end : NULL);
    set_number(object, "flows_opened", c->flows_opened);
    set_number(object, "flows_closed", c->flows_closed);
    set_number(object, "segments_received", c->segments_received);
    set_number(object, "segments_sent", c->segments_sent);
    set_number(object, "datagrams_delivered", c->datagrams_delivered);
    set_number(object, "datagrams_sent", c->datagrams_sent);
    set_number(object, "bytes_delivered", c->bytes_delivered);
    set_number(object, "bytes_sent", c->bytes_sent);
    set_number(object, "fragments_received", c->fragments_received);
    set_number(object, "packets_reassembled", c->packets_reassembled);
    set_number(object, "answers_suppressed", c->answers_suppressed);
    return object;
}

static const char *role_name(const struct ftun_report *report)
{
    if (report->observer != NULL)
        return "observer";
    return report->actor->config.role == FTUN_SERVER ? "server" : "client";
}

bool ftun_report_json(FILE *out, const struct ftun_report *report)
{
    const uint64_t now_ns = FTUN_INTAKE_START + report->summary->duration_ns;
    json_t *object = json_object();
    set(object, "role", json_string(role_name(report)));
    set(object, "capture", capture_object(report->summary));
    if (report->observer != NULL) {
        set(object, "flows", flows_array(report->observer, now_ns));
        set(object, "flows_not_listed", rest_object(&report->observer->rest));
    } else {
        set(object, "endpoint", actor_object(report->actor));
    }
    set(object, "refused", refused_array(report->summary));
    if (report->observer != NULL)
        set(object, "findings", findings_array(&report->observer->findings));
    const bool written = object != NULL && json_dumpf(object, out, JSON_INDENT(2)) == 0;
    fputc('\n', out);
    json_decref(object);
    return written;
}
