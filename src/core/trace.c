#include "trace.h"

#include "text.h"

static void flags(struct ftun_text *text, uint8_t flags)
{
    static const struct {
        uint8_t flag;
        char letter;
    } letters[] = {{FTUN_SYN, 'S'}, {FTUN_FIN, 'F'}, {FTUN_RST, 'R'}, {FTUN_PSH, 'P'},
                   {FTUN_URG, 'U'}, {FTUN_ECE, 'E'}, {FTUN_CWR, 'W'}, {FTUN_ACK, '.'}};
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++)
        if ((flags & letters[i].flag) != 0)
            ftun_text_char(text, letters[i].letter);
}

static void number(struct ftun_text *text, const char *before, uint64_t value)
{
    ftun_text_string(text, before);
    ftun_text_unsigned(text, value);
}

static void payload(struct ftun_text *text, uint32_t sequence, size_t len, size_t stride)
{
    number(text, " ", sequence);
    number(text, ":", sequence + (uint32_t)len);
    ftun_text_char(text, '(');
    if (stride > 0 && stride < len) {
        ftun_text_unsigned(text, ftun_datagram_count(len, stride));
        number(text, "x", stride);
    } else {
        ftun_text_unsigned(text, len);
    }
    ftun_text_char(text, ')');
}

static void option(struct ftun_text *text, uint8_t kind, const struct ftun_tcp_options *values)
{
    switch (kind) {
    case FTUN_TCP_OPTION_END:
        ftun_text_string(text, "eol");
        break;
    case FTUN_TCP_OPTION_NOP:
        ftun_text_string(text, "nop");
        break;
    case FTUN_TCP_OPTION_MSS:
        number(text, "mss ", values->mss);
        break;
    case FTUN_TCP_OPTION_WINDOW_SCALE:
        number(text, "wscale ", values->window_scale);
        break;
    case FTUN_TCP_OPTION_SACK_PERMITTED:
        ftun_text_string(text, "sackOK");
        break;
    case FTUN_TCP_OPTION_TIMESTAMPS:
        number(text, "TS val ", values->timestamp_value);
        number(text, " ecr ", values->timestamp_echo);
        break;
    default:
        number(text, "option ", kind);
        break;
    }
}

static void options(struct ftun_text *text, const struct ftun_tcp_header *tcp)
{
    if (tcp->options_len == 0)
        return;
    const char *before = " <";
    struct ftun_tcp_options values = {0};
    size_t off = 0;
    enum ftun_tcp_option_step step = FTUN_TCP_OPTION_TAKEN;
    while (off < tcp->options_len && step == FTUN_TCP_OPTION_TAKEN) {
        const uint8_t kind = tcp->options[off];
        step = ftun_tcp_option_step(tcp->options, tcp->options_len, &off, &values);
        ftun_text_string(text, before);
        option(text, kind, &values);
        before = ",";
    }
    ftun_text_char(text, '>');
}

static void segment(struct ftun_text *text, const struct ftun_socket_address *source,
                    const struct ftun_socket_address *destination,
                    const struct ftun_tcp_header *tcp, size_t len, size_t stride)
{
    ftun_text_char(text, ' ');
    ftun_text_socket_address(text, source);
    ftun_text_char(text, ' ');
    ftun_text_socket_address(text, destination);
    ftun_text_char(text, ' ');
    flags(text, tcp->flags);
    payload(text, tcp->sequence, len, stride);
    if ((tcp->flags & FTUN_ACK) != 0)
        number(text, " ack ", tcp->acknowledgment);
    number(text, " win ", tcp->window);
    options(text, tcp);
}

static void icmp(struct ftun_text *text, const struct ftun_icmp_error *error)
{
    number(text, " icmp type ", error->type);
    number(text, " code ", error->code);
    if (error->kind == FTUN_ICMP_TOO_BIG)
        number(text, " mtu ", error->mtu);
    ftun_text_string(text, " about ");
    ftun_text_socket_address(text, &error->tuple.local);
    ftun_text_char(text, ' ');
    ftun_text_socket_address(text, &error->tuple.remote);
    number(text, " sequence ", error->sequence);
}

static void fragment(struct ftun_text *text, const struct ftun_ip_header *ip)
{
    ftun_text_char(text, ' ');
    ftun_text_address(text, &ip->source);
    ftun_text_char(text, ' ');
    ftun_text_address(text, &ip->destination);
    number(text, " fragment id ", ip->id);
    number(text, " ", ip->fragment_offset);
    number(text, ":", ip->fragment_offset + ip->payload_len);
    ftun_text_string(text, ip->more_fragments ? " more" : " last");
}

const char *ftun_trace_packet(const struct ftun_tunnel_packet *tunnel_packet, char *out,
                              size_t capacity)
{
    struct ftun_text text = ftun_text_start(out, capacity);
    struct ftun_packet packet;
    ftun_text_char(&text, '<');
    const enum ftun_refusal refusal = ftun_packet_parse(tunnel_packet->data, tunnel_packet->len,
                                                        tunnel_packet->checksum_vouched, &packet);
    if (refusal != FTUN_TAKEN) {
        ftun_text_char(&text, ' ');
        ftun_text_string(&text, ftun_refusal_name(refusal));
    } else if (packet.kind == FTUN_PACKET_ICMP_ERROR) {
        icmp(&text, &packet.icmp);
    } else if (packet.kind == FTUN_PACKET_FRAGMENT) {
        fragment(&text, &packet.ip);
    } else {
        const struct ftun_socket_address source = {packet.ip.source, packet.tcp.source_port};
        const struct ftun_socket_address destination = {packet.ip.destination,
                                                        packet.tcp.destination_port};
        segment(&text, &source, &destination, &packet.tcp, packet.payload_len,
                tunnel_packet->segment_size);
    }
    return out;
}

static void sending(struct ftun_text *text, const struct ftun_action *action)
{
    const struct ftun_segment *s = &action->send.segment;
    ftun_text_char(text, '>');
    segment(text, &s->tuple.local, &s->tuple.remote, &s->tcp, s->payload_len, action->send.stride);
}

static void opening(struct ftun_text *text, const struct ftun_action *action)
{
    number(text, "open flow ", action->flow);
    ftun_text_char(text, ' ');
    ftun_text_socket_address(text, &action->open.tuple.local);
    ftun_text_char(text, ' ');
    ftun_text_socket_address(text, &action->open.tuple.remote);
}

static void established(struct ftun_text *text, const struct ftun_action *action)
{
    number(text, "established flow ", action->flow);
    ftun_text_string(text, " profile ");
    ftun_text_string(text, action->established.profile->name);
    number(text, " mss ", action->established.mss);
    ftun_text_string(text, action->established.again ? " again" : "");
}

static void reason(struct ftun_text *text, enum ftun_close_reason why)
{
    ftun_text_string(text, ": ");
    ftun_text_string(text, ftun_close_reason_text(why));
}

const char *ftun_trace_action(const struct ftun_action *action, char *out, size_t capacity)
{
    struct ftun_text text = ftun_text_start(out, capacity);
    switch (action->kind) {
    case FTUN_ACTION_SEND:
        sending(&text, action);
        break;
    case FTUN_ACTION_DELIVER:
        number(&text, "deliver flow ", action->flow);
        number(&text, " bytes ", action->deliver.len);
        number(&text, " stride ", action->deliver.stride);
        break;
    case FTUN_ACTION_OPEN:
        opening(&text, action);
        break;
    case FTUN_ACTION_ESTABLISHED:
        established(&text, action);
        break;
    case FTUN_ACTION_MSS:
        number(&text, "mss flow ", action->flow);
        number(&text, " bytes ", action->mss.mss);
        break;
    case FTUN_ACTION_RECONNECT:
        number(&text, "reconnect flow ", action->flow);
        number(&text, " attempt ", action->reconnect.attempt);
        reason(&text, action->reconnect.reason);
        break;
    case FTUN_ACTION_HAND_OVER:
        number(&text, "hand over to worker ", action->hand_over.worker);
        number(&text, " bytes ", action->hand_over.len);
        break;
    case FTUN_ACTION_CLOSE:
        number(&text, "close flow ", action->flow);
        reason(&text, action->close.reason);
        break;
    }
    return out;
}
