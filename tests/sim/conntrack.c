#include "conntrack.h"

#include "memory.h"
#include "packet.h"
#include "sequence.h"
#include "tcp_options.h"

#include <stdlib.h>

/* How far any ACK may lag, bytes: van Rooij's MAXACKWINDOW. */
enum { ACK_LAG_LEAST = 66000 };

/* What is known of one side as a sender. */
struct direction {
    bool known;            /* its SYN has passed */
    uint32_t first;        /* its SYN's sequence number */
    uint32_t end;          /* behind the furthest that it has sent */
    uint32_t edge;         /* of the window that the other side has shown it */
    uint32_t widest;       /* window that it has shown itself, bytes */
    uint32_t acknowledged; /* the furthest that it has acknowledged */
    bool scales;           /* it offered to scale its windows */
    uint8_t scale;
};

/* Between the server and one port of the client. */
struct connection {
    struct direction from[SIM_SIDES];
    bool established;
    bool closing;          /* a FIN or RST has passed */
    struct direction next; /* of a client that dials again from a port that is still in use */
};

struct sim_conntrack {
    enum sim_side beside;
    bool forgives_late;
    struct sim_report report;
    uint64_t passed;
    struct connection connections[UINT16_MAX + 1];
};

/* One segment, in host order, with its window scaled. */
struct segment {
    enum sim_side sender;
    uint8_t flags;
    uint32_t sequence, end;
    uint32_t acknowledgment;
    uint32_t window; /* bytes */
    const struct ftun_tcp_header *tcp;
};

struct sim_conntrack *sim_conntrack_create(enum sim_side beside, bool forgives_late)
{
    struct sim_conntrack *conntrack = sim_allocate(sizeof *conntrack);
    conntrack->beside = beside;
    conntrack->forgives_late = forgives_late;
    return conntrack;
}

void sim_conntrack_destroy(struct sim_conntrack *conntrack)
{
    free(conntrack);
}

enum sim_side sim_conntrack_side(const struct sim_conntrack *conntrack)
{
    return conntrack->beside;
}

const struct sim_report *sim_conntrack_report(const struct sim_conntrack *conntrack)
{
    return &conntrack->report;
}

uint64_t sim_conntrack_passed(const struct sim_conntrack *conntrack)
{
    return conntrack->passed;
}

/* --- handshake ---------------------------------------------------------------------------- */

static void begin_direction(struct direction *direction, const struct segment *segment)
{
    struct ftun_tcp_options options;
    ftun_tcp_options_parse(segment->tcp->options, segment->tcp->options_len, &options);
    *direction = (struct direction){
        .known = true,
        .first = segment->sequence,
        .end = segment->end,
        .edge = segment->end,
        .widest = segment->window,
        .scales = options.has_window_scale,
        .scale = options.window_scale,
    };
}

/* A SYN begins a connection, unless it is a copy of the one that did: of one that has been closed
 * none is expected any more, and Phantun's all have the same number. */
static void take_syn(struct connection *connection, const struct segment *segment)
{
    const struct direction *client = &connection->from[SIM_CLIENT];
    if (client->known && client->first == segment->sequence && !connection->closing)
        return;
    if (connection->established && !connection->closing) {
        begin_direction(&connection->next, segment);
        return;
    }
    *connection = (struct connection){0};
    begin_direction(&connection->from[SIM_CLIENT], segment);
}

/* The server has answered the SYN in an open connection: it knows of none. */
static void begin_anew(struct connection *connection, const struct segment *segment)
{
    const struct direction next = connection->next;
    if (!next.known || segment->acknowledgment != next.first + 1)
        return;
    *connection = (struct connection){0};
    connection->from[SIM_CLIENT] = next;
}

/* RFC 7323 2.2: windows are scaled when both SYNs say so. */
static void agree_on_scale(struct connection *connection)
{
    struct direction *from = connection->from;
    if (from[SIM_CLIENT].scales && from[SIM_SERVER].scales)
        return;
    from[SIM_CLIENT].scale = from[SIM_SERVER].scale = 0;
}

/* NULL, or what is wrong with a SYN-ACK. Until the client has answered, the server may choose
 * another number: its cookie changes with time. */
static const char *take_syn_ack(struct connection *connection, const struct segment *segment)
{
    struct direction *client = &connection->from[SIM_CLIENT];
    begin_anew(connection, segment);
    if (!client->known)
        return "answers no SYN";
    if (connection->established || segment->acknowledgment != client->first + 1)
        return NULL; /* of another time: the client will say so */
    begin_direction(&connection->from[SIM_SERVER], segment);
    agree_on_scale(connection);
    client->edge = segment->acknowledgment + segment->window;
    return NULL;
}

/* --- windows ------------------------------------------------------------------------------ */

static uint32_t ack_lag(const struct direction *sender)
{
    return sender->widest > ACK_LAG_LEAST ? sender->widest : ACK_LAG_LEAST;
}

/* NULL, or what a segment claims too much. */
static const char *objection(const struct direction *sender, const struct direction *receiver,
                             const struct segment *segment)
{
    if (ftun_seq_after(segment->end, sender->edge))
        return "ends beyond the window";
    if (ftun_seq_after(segment->acknowledgment, receiver->end))
        return "acknowledges what has not passed";
    return NULL;
}

/* NULL, or what comes too late in a segment. */
static const char *lateness(const struct direction *sender, const struct direction *receiver,
                            const struct segment *segment)
{
    if (!ftun_seq_after(segment->end, sender->end - receiver->widest - 1))
        return "lies behind the window";
    if (!ftun_seq_after(segment->acknowledgment, receiver->end - ack_lag(sender) - 1))
        return "acknowledges what is long past";
    return NULL;
}

/* Linux: a reset of an open connection is not older than what its receiver has acknowledged. */
static const char *objection_to_reset(const struct connection *connection,
                                      const struct direction *receiver,
                                      const struct segment *segment)
{
    if (!connection->closing && ftun_seq_before(segment->sequence, receiver->acknowledged))
        return "resets what is long past";
    return NULL;
}

static void learn(struct direction *sender, struct direction *receiver,
                  const struct segment *segment)
{
    const uint32_t edge = segment->acknowledgment + segment->window;
    if (segment->window > sender->widest)
        sender->widest = segment->window;
    sender->end = ftun_seq_max(sender->end, segment->end);
    sender->acknowledged = ftun_seq_max(sender->acknowledged, segment->acknowledgment);
    receiver->edge = ftun_seq_max(receiver->edge, edge);
}

static const char *take_segment(struct connection *connection, struct segment *segment,
                                bool forgives_late)
{
    struct direction *sender = &connection->from[segment->sender];
    struct direction *receiver = &connection->from[sim_other(segment->sender)];
    if (!sender->known || !receiver->known)
        return "belongs to no connection";
    segment->window <<= sender->scale;
    if ((segment->flags & FTUN_ACK) == 0)
        segment->acknowledgment = receiver->end;
    const char *wrong = objection(sender, receiver, segment);
    const char *late = lateness(sender, receiver, segment);
    if (wrong == NULL && late != NULL)
        return forgives_late ? NULL : late;
    if (wrong == NULL && (segment->flags & FTUN_RST) != 0)
        wrong = objection_to_reset(connection, receiver, segment);
    if (wrong != NULL)
        return wrong;
    if (!connection->established)
        sender->acknowledged = segment->acknowledgment;
    connection->established |= segment->sender == SIM_CLIENT;
    connection->closing |= (segment->flags & (FTUN_FIN | FTUN_RST)) != 0;
    learn(sender, receiver, segment);
    return NULL;
}

/* --- packets ------------------------------------------------------------------------------ */

static const char *judge(struct connection *connection, struct segment *segment, bool forgives_late)
{
    const uint8_t kind = segment->flags & (FTUN_SYN | FTUN_ACK | FTUN_RST);
    if (kind == FTUN_SYN) {
        take_syn(connection, segment);
        return NULL;
    }
    if (kind == (FTUN_SYN | FTUN_ACK))
        return take_syn_ack(connection, segment);
    /* a server that refuses knows nothing of sequence numbers */
    if (kind == (FTUN_RST | FTUN_ACK) && !connection->from[SIM_SERVER].known)
        return NULL;
    return take_segment(connection, segment, forgives_late);
}

void sim_conntrack_see(struct sim_conntrack *conntrack, const struct sim_packet *packet)
{
    struct ftun_packet read;
    if (ftun_packet_parse(packet->bytes, packet->len, true, &read) != FTUN_TAKEN ||
        read.kind != FTUN_PACKET_SEGMENT)
        return;
    const struct ftun_tcp_header *tcp = &read.tcp;
    const uint32_t flags_len = (tcp->flags & (FTUN_SYN | FTUN_FIN)) != 0 ? 1 : 0;
    struct segment segment = {
        .sender = sim_other(packet->to),
        .flags = tcp->flags,
        .sequence = tcp->sequence,
        .end = tcp->sequence + (uint32_t)read.payload_len + flags_len,
        .acknowledgment = tcp->acknowledgment,
        .window = tcp->window,
        .tcp = tcp,
    };
    const uint16_t port = packet->to == SIM_SERVER ? tcp->source_port : tcp->destination_port;
    const char *wrong = judge(&conntrack->connections[port], &segment, conntrack->forgives_late);
    if (wrong == NULL)
        conntrack->passed++;
    else
        sim_violated(&conntrack->report, "what the %s sends %s: port %u, %u:%u ack %u flags %02x",
                     segment.sender == SIM_CLIENT ? "client" : "server", wrong, port,
                     segment.sequence, segment.end, segment.acknowledgment, segment.flags);
}
