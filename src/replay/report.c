#include "report.h"

#include "seconds.h"
#include "text.h"

typedef unsigned long long number;

const char *ftun_report_end(const struct ftun_observed_flow *flow, uint64_t now_ns,
                            const struct ftun_socket_address **by)
{
    *by = flow->ended == FTUN_FLOW_OPEN ? NULL : &flow->address[flow->ended_by];
    switch (flow->ended) {
    case FTUN_FLOW_FIN:
        return "closed by";
    case FTUN_FLOW_RESET:
        return "reset by";
    case FTUN_FLOW_REFUSED:
        return "refused by";
    case FTUN_FLOW_OPEN:
        break;
    }
    return ftun_observed_silent(flow, now_ns) ? "silent" : "still open";
}

/* --- flows -------------------------------------------------------------------------------- */

static void print_direction(FILE *out, const char *margin, const struct ftun_observed_flow *flow,
                            size_t from)
{
    const struct ftun_observed_end *end = &flow->end[from];
    char source[FTUN_ADDRESS_TEXT];
    char destination[FTUN_ADDRESS_TEXT];
    fprintf(out, "%5s  %-21s  %-21s  %8llu  %9llu  %11llu  %5llu  %5llu  %8llu\n", margin,
            ftun_socket_address_string(&flow->address[from], source),
            ftun_socket_address_string(&flow->address[1 - from], destination),
            (number)end->segments, (number)end->sent.datagrams, (number)end->sent.bytes,
            (number)ftun_stream_lost_gaps(&end->sent), (number)end->sent.late,
            (number)end->sent.repeated);
}

static void print_handshake(FILE *out, const struct ftun_observed_flow *flow)
{
    char seconds[FTUN_SECONDS_TEXT];
    switch (flow->handshake) {
    case FTUN_HANDSHAKE_UNSEEN:
        fputs("handshake before the capture", out);
        break;
    case FTUN_HANDSHAKE_UNFINISHED:
        fputs("handshake unfinished", out);
        break;
    case FTUN_HANDSHAKE_COMPLETE:
        fprintf(out, "handshake %s s",
                ftun_seconds_string(flow->established_ns - flow->first_ns, seconds));
        break;
    }
    if (flow->dialect != FTUN_DIALECT_UNSEEN)
        fprintf(out, ", dialect %s", ftun_dialect_name(flow->dialect));
}

static void print_flow(FILE *out, const struct ftun_observed_flow *flow, uint64_t now_ns)
{
    char text[FTUN_ADDRESS_TEXT];
    snprintf(text, sizeof text, "%llu", (number)flow->number);
    print_direction(out, text, flow, 0);
    print_direction(out, "", flow, 1);
    char begins[FTUN_SECONDS_TEXT];
    char lasts[FTUN_SECONDS_TEXT];
    fprintf(out, "       begins %s s, lasts %s s; ",
            ftun_seconds_string(flow->first_ns - FTUN_INTAKE_START, begins),
            ftun_seconds_string(flow->last_ns - flow->first_ns, lasts));
    print_handshake(out, flow);
    const struct ftun_socket_address *by;
    const char *end = ftun_report_end(flow, now_ns, &by);
    fprintf(out, "; %s%s%s\n", end, by == NULL ? "" : " ",
            by == NULL ? "" : ftun_socket_address_string(by, text));
}

static void print_flows(FILE *out, const struct ftun_observer *observer, uint64_t now_ns)
{
    const struct ftun_observed_flow *flows[FTUN_OBSERVED_FLOWS];
    const size_t count = ftun_observer_list(observer, flows);
    const struct ftun_observed_rest *rest = &observer->rest;
    if (count == 0) {
        fputs("\nno flows\n", out);
        return;
    }
    fprintf(out, "\n%5s  %-21s  %-21s  %8s  %9s  %11s  %5s  %5s  %8s\n", "flow", "from", "to",
            "segments", "datagrams", "bytes", "lost", "late", "repeated");
    for (size_t i = 0; i < count; i++)
        print_flow(out, flows[i], now_ns);
    if (rest->flows > 0)
        fprintf(out, "and %llu flows more, not listed: %llu segments, %llu datagrams, %llu bytes\n",
                (number)rest->flows, (number)rest->segments, (number)rest->datagrams,
                (number)rest->bytes);
}

/* --- what was refused, and what was found ------------------------------------------------- */

static void print_tally(FILE *out, const struct ftun_tally *tally, const char *name,
                        const char *text)
{
    if (tally->count > 0)
        fprintf(out, "%8llu  %8llu  %s: %s\n", (number)tally->count, (number)tally->first, name,
                text);
}

void ftun_report_refused(FILE *out, const struct ftun_summary *summary)
{
    uint64_t count = 0;
    for (unsigned r = 1; r < FTUN_REFUSAL_COUNT; r++)
        count += summary->refused[r].count;
    fputs(count == 0 ? "\nnothing refused\n" : "\n refused     first\n", out);
    for (unsigned r = 1; r < FTUN_REFUSAL_COUNT; r++)
        print_tally(out, &summary->refused[r], ftun_refusal_name((enum ftun_refusal)r),
                    ftun_refusal_text((enum ftun_refusal)r));
}

static void print_skipped(FILE *out, const struct ftun_summary *summary)
{
    if (summary->not_ip.count + summary->no_frame.count + summary->cut.count == 0)
        return;
    fputs("\n skipped     first\n", out);
    print_tally(out, &summary->not_ip, "not-ip", "another protocol of the link layer");
    print_tally(out, &summary->no_frame, "no-frame", "the frame ends inside its link header");
    print_tally(out, &summary->cut, "cut", "cut by the capture inside its headers");
}

static void print_findings(FILE *out, const struct ftun_findings *findings)
{
    uint64_t count = 0;
    for (unsigned f = 0; f < FTUN_FINDING_COUNT; f++)
        count += findings->at[f].count;
    fputs(count == 0 ? "\nnothing unusual\n" : "\n trouble     first\n", out);
    for (unsigned f = 0; f < FTUN_FINDING_COUNT; f++) {
        const enum ftun_finding finding = (enum ftun_finding)f;
        const char *first = findings->first[f];
        print_tally(out, &findings->at[f], ftun_finding_name(finding), ftun_finding_seen(finding));
        if (findings->at[f].count > 0)
            fprintf(out, "%20s%s%s%s\n", "", first, first[0] == '\0' ? "" : ": ",
                    ftun_finding_advice(finding));
    }
}

/* --- an endpoint -------------------------------------------------------------------------- */

static void print_actor(FILE *out, const struct ftun_actor *actor)
{
    const struct ftun_counters *c = ftun_endpoint_counters(actor->endpoint);
    char text[FTUN_ADDRESS_TEXT];
    if (!actor->awake) {
        fputs("\nno SYN in the capture tells which end to play: name it with --end\n", out);
        return;
    }
    fprintf(out, "\nas the %s %s\n", actor->config.role == FTUN_SERVER ? "server" : "client",
            ftun_socket_address_string(&actor->end, text));
    fprintf(out, "    flows opened %llu, closed %llu\n", (number)c->flows_opened,
            (number)c->flows_closed);
    fprintf(out, "    segments received %llu, sent %llu\n", (number)c->segments_received,
            (number)c->segments_sent);
    fprintf(out, "    datagrams delivered %llu, sent %llu\n", (number)c->datagrams_delivered,
            (number)c->datagrams_sent);
    fprintf(out, "    bytes delivered %llu, sent %llu\n", (number)c->bytes_delivered,
            (number)c->bytes_sent);
    fprintf(out, "    fragments received %llu, packets made of them %llu\n",
            (number)c->fragments_received, (number)c->packets_reassembled);
    fprintf(out, "    answers to strangers suppressed %llu\n", (number)c->answers_suppressed);
}

void ftun_report_text(FILE *out, const struct ftun_report *report)
{
    const struct ftun_summary *summary = report->summary;
    char seconds[FTUN_SECONDS_TEXT];
    fprintf(out, "%llu packets in %s s, %llu bytes of IP\n", (number)summary->frames,
            ftun_seconds_string(summary->duration_ns, seconds), (number)summary->ip_bytes);
    if (summary->broken)
        fprintf(out, "the capture cannot be read beyond packet %llu\n", (number)summary->frames);
    if (report->observer != NULL)
        print_flows(out, report->observer, FTUN_INTAKE_START + summary->duration_ns);
    else
        print_actor(out, report->actor);
    ftun_report_refused(out, summary);
    print_skipped(out, summary);
    if (report->observer != NULL)
        print_findings(out, &report->observer->findings);
}
