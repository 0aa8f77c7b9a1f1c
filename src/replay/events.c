#include "events.h"

#include "seconds.h"
#include "trace.h"

static const char *describe(const struct ftun_intake_packet *packet, char line[FTUN_TRACE_MAX])
{
    switch (packet->sight) {
    case FTUN_SIGHT_PACKET:
        return ftun_trace_packet(&packet->packet, line, FTUN_TRACE_MAX);
    case FTUN_SIGHT_CUT:
        return "< cut by the capture inside its headers";
    case FTUN_SIGHT_NOT_IP:
        return "< not IP";
    case FTUN_SIGHT_NO_FRAME:
        break;
    }
    return "< frame ends inside its link header";
}

void ftun_events_packet(FILE *out, const struct ftun_intake_packet *packet, const char *verdict)
{
    if (out == NULL)
        return;
    char line[FTUN_TRACE_MAX];
    char seconds[FTUN_SECONDS_TEXT];
    fprintf(out, "%llu %s %s : %s%s%s%s\n", (unsigned long long)packet->number,
            ftun_seconds_string(packet->now_ns - FTUN_INTAKE_START, seconds),
            describe(packet, line), verdict, packet->cut ? " (cut by the capture)" : "",
            packet->checksum_left_to_nic ? " (checksum left to the NIC)" : "",
            packet->time_ran_backwards ? " (time ran backwards)" : "");
}

void ftun_events_timer(FILE *out, uint64_t now_ns)
{
    if (out == NULL)
        return;
    char seconds[FTUN_SECONDS_TEXT];
    fprintf(out, "- %s timer\n", ftun_seconds_string(now_ns - FTUN_INTAKE_START, seconds));
}

void ftun_events_action(FILE *out, const struct ftun_action *action)
{
    if (out == NULL)
        return;
    char line[FTUN_TRACE_MAX];
    fprintf(out, "    %s\n", ftun_trace_action(action, line, sizeof line));
}

void ftun_events_refused(FILE *out, enum ftun_refusal refusal, uint64_t count)
{
    if (out == NULL)
        return;
    fprintf(out, "    refused %s %llu\n", ftun_refusal_name(refusal), (unsigned long long)count);
}
