#include "prove.h"
#include "trace.h"

static void trace_packet(const uint8_t *data, size_t len, char *out, size_t capacity)
{
    const struct ftun_tunnel_packet packet = {
        .data = data,
        .len = len,
        .segment_size = any_size(0, PROVE_PACKET_MAX),
        .checksum_vouched = any_bool(),
    };
    ftun_trace_packet(&packet, out, capacity);
}

/* An IPv4 header and a TCP header with options; or an ICMP error with what it quotes of them. */
static void trace_packets(char *out, size_t capacity)
{
    uint8_t data[64];
    any_bytes(data, sizeof data);
    data[0] = 0x45;
    trace_packet(data, sizeof data, out, capacity);
    trace_packet(data, any_size(0, sizeof data), out, capacity);
}

static void trace_action(enum ftun_action_kind kind, char *out, size_t capacity)
{
    struct ftun_action action;
    any_bytes(&action, sizeof action);
    action.kind = kind;
    if (kind == FTUN_ACTION_SEND)
        action.send.segment.tcp.options_len = (uint8_t)any_size(0, FTUN_TCP_OPTIONS_MAX);
    if (kind == FTUN_ACTION_ESTABLISHED) {
        action.established.profile = &ftun_profile_linux;
        action.established.again = any_bool();
    }
    ftun_trace_action(&action, out, capacity);
}

static void trace_all(size_t capacity)
{
    char block[FTUN_TRACE_MAX];
    char *out = block + sizeof block - capacity;
    trace_packets(out, capacity);
    //@ loop unroll 8;
    for (int kind = FTUN_ACTION_SEND; kind <= FTUN_ACTION_CLOSE; kind++)
        trace_action((enum ftun_action_kind)kind, out, capacity);
}

int main(void)
{
    trace_all(1);
    trace_all(FTUN_TRACE_MAX);
    return 0;
}
