#include "journal.h"

#include "log.h"
#include "rate_limit.h"
#include "text.h"
#include "trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FLOW_LINES_PER_SECOND = 20, /* strangers who complete handshakes can cause these */
    IO_REFUSALS = 8,            /* kinds of struct ftun_io_counters */
    DIVERT_REFUSALS = 4         /* of struct ftun_divert_counters */
};

static const uint64_t look_interval_ns = FTUN_SECOND / 10;   /* between looks at the counters */
static const uint64_t repeat_interval_ns = 10 * FTUN_SECOND; /* between two lines of one refusal */

/* What is told of one kind of refusal: the first at once, then a count now and then. */
struct told {
    uint64_t count;
    uint64_t at_ns;
};

struct ftun_journal {
    enum ftun_role role;
    uint32_t worker, workers;
    const struct ftun_endpoint *endpoint;
    const struct ftun_listener *listener;
    const struct ftun_loop *loop;
    const struct ftun_attachment *attachment; /* NULL: another worker's journal tells of it */
    uint64_t looked_at_ns;
    struct told refusals[FTUN_REFUSAL_COUNT];
    struct told io[IO_REFUSALS];
    struct told divert[DIVERT_REFUSALS];
    struct ftun_rate_limit flow_lines;
    uint64_t flow_lines_omitted;
    uint64_t omitted_told_ns; /* when that was last told */
};

/* --- flows -------------------------------------------------------------------------------- */

/* Each worker counts its flows from 0: in the log a number stands for one flow alone. */
static uint32_t number_of(const struct ftun_journal *journal, uint32_t flow)
{
    return flow == FTUN_NO_FLOW ? flow : flow * journal->workers + journal->worker;
}

static bool may_tell_flow(struct ftun_journal *journal)
{
    if (ftun_rate_limit_take(&journal->flow_lines, ftun_clock(), FLOW_LINES_PER_SECOND))
        return true;
    journal->flow_lines_omitted++;
    return false;
}

static void tell_established(const struct ftun_journal *journal, const struct ftun_action *action)
{
    char local[FTUN_ADDRESS_TEXT], remote[FTUN_ADDRESS_TEXT], application[FTUN_ADDRESS_TEXT];
    const uint32_t flow = number_of(journal, action->flow);
    ftun_socket_address_string(&action->established.tuple.local, local);
    ftun_socket_address_string(&action->established.tuple.remote, remote);
    const char *const dialect = action->established.profile->name == ftun_profile_phantun.name
                                    ? ", the peer speaks Phantun"
                                    : "";
    if (journal->role == FTUN_SERVER && action->established.again) {
        ftun_log(FTUN_LOG_INFO,
                 "flow %u goes on over a new connection: %s (TCP), datagrams up to "
                 "%u bytes",
                 flow, remote, action->established.mss);
        return;
    }
    if (journal->role == FTUN_SERVER) {
        ftun_log(FTUN_LOG_INFO, "flow %u established: %s (TCP), datagrams up to %u bytes%s", flow,
                 remote, action->established.mss, dialect);
        return;
    }
    const struct ftun_socket_address peer = ftun_listener_peer(journal->listener, action->flow);
    ftun_log(FTUN_LOG_INFO,
             "flow %u established: %s (UDP) over %s to %s (TCP), datagrams up to %u bytes%s", flow,
             ftun_socket_address_string(&peer, application), local, remote, action->established.mss,
             dialect);
}

/* The first failure after a connection that lasted, and the 60th: a minute or so later. */
static bool worth_telling(const struct ftun_action *action)
{
    return action->kind != FTUN_ACTION_RECONNECT || action->reconnect.attempt % 60 == 1;
}

static void tell_flow(struct ftun_journal *journal, const struct ftun_action *action)
{
    if (!worth_telling(action))
        return;
    if (!may_tell_flow(journal))
        return;
    const uint32_t flow = number_of(journal, action->flow);
    if (action->kind == FTUN_ACTION_ESTABLISHED)
        tell_established(journal, action);
    else if (action->kind == FTUN_ACTION_MSS)
        ftun_log(FTUN_LOG_WARNING,
                 "flow %u: the path carries less than was thought; the largest "
                 "datagram is now %u bytes (WireGuard: MTU %u)",
                 flow, action->mss.mss, action->mss.mss - 32u);
    else if (action->kind == FTUN_ACTION_RECONNECT)
        ftun_log(FTUN_LOG_INFO, "flow %u: %s; connecting anew", flow,
                 ftun_close_reason_text(action->reconnect.reason));
    else
        ftun_log(FTUN_LOG_INFO, "flow %u closed: %s", flow,
                 ftun_close_reason_text(action->close.reason));
}

static void on_action(void *context, const struct ftun_action *action)
{
    struct ftun_journal *journal = context;
    if (action->kind == FTUN_ACTION_ESTABLISHED || action->kind == FTUN_ACTION_CLOSE ||
        action->kind == FTUN_ACTION_MSS || action->kind == FTUN_ACTION_RECONNECT)
        tell_flow(journal, action);
    if (!ftun_log_enabled(FTUN_LOG_DEBUG))
        return;
    struct ftun_action numbered = *action;
    numbered.flow = number_of(journal, action->flow);
    char line[FTUN_TRACE_MAX];
    ftun_log(FTUN_LOG_DEBUG, "%s", ftun_trace_action(&numbered, line, sizeof line));
}

static void on_packet(void *context, const struct ftun_tunnel_packet *packet)
{
    (void)context;
    char line[FTUN_TRACE_MAX];
    ftun_log(FTUN_LOG_DEBUG, "%s", ftun_trace_packet(packet, line, sizeof line));
}

static void on_no_socket(void *context, uint32_t flow, int cause)
{
    struct ftun_journal *journal = context;
    if (may_tell_flow(journal))
        ftun_log(FTUN_LOG_WARNING, "flow %u refused, no UDP socket for it: %s%s",
                 number_of(journal, flow), strerror(cause),
                 cause == EMFILE ? " (raise LimitNOFILE or ulimit -n)" : "");
}

static void on_tunnel_lost(void *context, const struct ftun_attachment *attachment, int cause)
{
    (void)context;
    ftun_log(FTUN_LOG_WARNING,
             "the TUN device %s is gone (%s): datagrams are dropped until it has been made again",
             attachment->tun.name, strerror(cause));
}

static void on_tunnel_restored(void *context, const struct ftun_attachment *attachment)
{
    (void)context;
    if (attachment->plan.kind == FTUN_ATTACHMENT_DIVERT)
        ftun_log(FTUN_LOG_WARNING, "%s is back: flows go on", attachment->tun.name);
    else if (attachment->plan.kind == FTUN_ATTACHMENT_NAT)
        ftun_log(FTUN_LOG_WARNING, "%s is back, with its addresses: flows go on",
                 attachment->tun.name);
    else
        ftun_log(FTUN_LOG_WARNING,
                 "%s is back; with --setup=none its addresses and forwarding are yours to set "
                 "again (ftun rules says how)",
                 attachment->tun.name);
}

/* --- counters ----------------------------------------------------------------------------- */

static const struct {
    const char *name;
    const char *text;
} io_texts[IO_REFUSALS] = {
    {"socket-overflow",
     "more UDP came than can be sent on, and the excess was dropped: send less, or "
     "give ftun more of the processor"},
    {"tunnel-overflow", "more came through the tunnel than can be delivered, and the excess was "
                        "dropped: have the peer send less, or give ftun more of the processor"},
    {"tunnel-drops", "the TUN did not accept a segment; ip link says whether it is up"},
    {"delivery-drops", "a UDP socket did not accept a datagram"},
    {"application-refused", "the application's port is closed: nothing listens there yet"},
    {"socket-failures", "no UDP socket for a flow"},
    {"hand-over-drops", "more packets than a worker takes from others"},
    {"upstream-strangers", "a datagram for no flow, or not from the service, to the shared socket"},
};

static void io_values(const struct ftun_io_counters *io, uint64_t values[IO_REFUSALS])
{
    values[0] = io->socket_overflow;
    values[1] = io->tunnel_overflow;
    values[2] = io->tunnel_drops;
    values[3] = io->delivery_drops;
    values[4] = io->application_refused;
    values[5] = io->socket_failures;
    values[6] = io->hand_over_drops;
    values[7] = io->upstream_strangers;
}

static const struct {
    const char *name;
    const char *text;
} divert_texts[DIVERT_REFUSALS] = {
    {"divert-not-allowed", "somebody from elsewhere than --allow-from knocks"},
    {"divert-flood", "more handshakes came than ftun takes, and the excess was dropped"},
    {"divert-no-route", "the host has no route for a segment; ip route shows those there are"},
    {"divert-not-ours", "a packet that is not ftun's came from the TUN"},
};

static void divert_values(const struct ftun_divert_counters *divert,
                          uint64_t values[DIVERT_REFUSALS])
{
    values[0] = divert->not_allowed;
    values[1] = divert->flood;
    values[2] = divert->no_route;
    values[3] = divert->not_ours;
}

static void look(struct told *told, uint64_t count, uint64_t now_ns, const char *name,
                 const char *text)
{
    const bool first = told->count == 0;
    if (count == told->count || (!first && now_ns < told->at_ns + repeat_interval_ns))
        return;
    if (first)
        ftun_log(FTUN_LOG_WARNING, "%s: %s (%llu)", name, text, (unsigned long long)count);
    else
        ftun_log(FTUN_LOG_WARNING, "%s: %llu more, %llu in all", name,
                 (unsigned long long)(count - told->count), (unsigned long long)count);
    told->count = count;
    told->at_ns = now_ns;
}

static void tell_omitted(struct ftun_journal *journal, uint64_t now_ns)
{
    if (journal->flow_lines_omitted == 0 || now_ns < journal->omitted_told_ns + repeat_interval_ns)
        return;
    ftun_log(FTUN_LOG_INFO, "%llu more lines about flows omitted",
             (unsigned long long)journal->flow_lines_omitted);
    journal->flow_lines_omitted = 0;
    journal->omitted_told_ns = now_ns;
}

static void look_at_divert(struct ftun_journal *journal, uint64_t now_ns)
{
    if (journal->attachment == NULL)
        return;
    const struct ftun_divert_counters counters = ftun_attachment_counters(journal->attachment);
    uint64_t values[DIVERT_REFUSALS];
    divert_values(&counters, values);
    for (int i = 0; i < DIVERT_REFUSALS; i++)
        look(&journal->divert[i], values[i], now_ns, divert_texts[i].name, divert_texts[i].text);
}

static void look_at_counters(struct ftun_journal *journal, uint64_t now_ns)
{
    const struct ftun_counters *counters = ftun_endpoint_counters(journal->endpoint);
    for (int i = 0; i < FTUN_REFUSAL_COUNT; i++)
        look(&journal->refusals[i], counters->refused[i], now_ns,
             ftun_refusal_name((enum ftun_refusal)i), ftun_refusal_text((enum ftun_refusal)i));
    uint64_t io[IO_REFUSALS];
    io_values(ftun_loop_counters(journal->loop), io);
    for (int i = 0; i < IO_REFUSALS; i++)
        look(&journal->io[i], io[i], now_ns, io_texts[i].name, io_texts[i].text);
    look_at_divert(journal, now_ns);
    tell_omitted(journal, now_ns);
}

/* Looks at most ten times a second, and once more after the traffic has ended. */
static uint64_t on_turn(void *context, uint64_t now_ns)
{
    struct ftun_journal *journal = context;
    const uint64_t next_ns = journal->looked_at_ns + look_interval_ns;
    if (now_ns < next_ns)
        return next_ns;
    look_at_counters(journal, now_ns);
    journal->looked_at_ns = now_ns;
    return FTUN_NEVER;
}

static void tell_total(const char *name, uint64_t value)
{
    if (value > 0)
        ftun_log(FTUN_LOG_INFO, "total %s: %llu", name, (unsigned long long)value);
}

struct ftun_figures ftun_journal_figures(const struct ftun_journal *journal)
{
    struct ftun_figures figures = {.endpoint = *ftun_endpoint_counters(journal->endpoint),
                                   .io = *ftun_loop_counters(journal->loop)};
    if (journal->attachment != NULL)
        figures.divert = ftun_attachment_counters(journal->attachment);
    return figures;
}

_Static_assert(sizeof(struct ftun_figures) % sizeof(uint64_t) == 0, "counters of 64 bits");

void ftun_figures_add(struct ftun_figures *sum, const struct ftun_figures *more)
{
    uint64_t sums[sizeof *sum / sizeof(uint64_t)];
    uint64_t added[sizeof *sum / sizeof(uint64_t)];
    memcpy(sums, sum, sizeof *sum);
    memcpy(added, more, sizeof *more);
    for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++)
        sums[i] += added[i];
    memcpy(sum, sums, sizeof *sum);
}

static void tell_divert(const struct ftun_divert_counters *divert)
{
    uint64_t values[DIVERT_REFUSALS];
    divert_values(divert, values);
    tell_total("divert-taken", divert->taken);
    tell_total("divert-left", divert->left);
    tell_total("divert-too-big", divert->too_big);
    for (int i = 0; i < DIVERT_REFUSALS; i++)
        tell_total(divert_texts[i].name, values[i]);
}

void ftun_figures_tell(const struct ftun_figures *figures)
{
    const struct ftun_counters *c = &figures->endpoint;
    tell_total("flows-opened", c->flows_opened);
    tell_total("flows-closed", c->flows_closed);
    tell_total("flows-yielded", c->flows_yielded);
    tell_total("flows-resumed", c->flows_resumed);
    tell_total("datagrams-sent", c->datagrams_sent);
    tell_total("bytes-sent", c->bytes_sent);
    tell_total("segments-sent", c->segments_sent);
    tell_total("datagrams-delivered", c->datagrams_delivered);
    tell_total("bytes-delivered", c->bytes_delivered);
    tell_total("segments-received", c->segments_received);
    tell_total("fragments-received", c->fragments_received);
    tell_total("packets-reassembled", c->packets_reassembled);
    tell_total("icmp-errors-received", c->icmp_errors_received);
    tell_total("handed-over", c->packets_handed_over);
    tell_total("misdirected", c->packets_misdirected);
    tell_total("answers-suppressed", c->answers_suppressed);
    for (int i = 0; i < FTUN_REFUSAL_COUNT; i++)
        tell_total(ftun_refusal_name((enum ftun_refusal)i), c->refused[i]);
    uint64_t io[IO_REFUSALS];
    io_values(&figures->io, io);
    for (int i = 0; i < IO_REFUSALS; i++)
        tell_total(io_texts[i].name, io[i]);
    tell_divert(&figures->divert);
}

/* --- life --------------------------------------------------------------------------------- */

struct ftun_journal *ftun_journal_create(enum ftun_role role, uint32_t worker, uint32_t workers,
                                         const struct ftun_endpoint *endpoint,
                                         const struct ftun_listener *listener)
{
    struct ftun_journal *journal = calloc(1, sizeof *journal);
    if (journal == NULL)
        return NULL;
    journal->role = role;
    journal->worker = worker;
    journal->workers = workers;
    journal->endpoint = endpoint;
    journal->listener = listener;
    return journal;
}

void ftun_journal_destroy(struct ftun_journal *journal)
{
    free(journal);
}

void ftun_journal_follow(struct ftun_journal *journal, const struct ftun_loop *loop,
                         const struct ftun_attachment *attachment)
{
    journal->loop = loop;
    journal->attachment = attachment;
}

struct ftun_observer ftun_journal_observer(struct ftun_journal *journal)
{
    return (struct ftun_observer){
        .context = journal,
        .packet = ftun_log_enabled(FTUN_LOG_DEBUG) ? on_packet : NULL,
        .action = on_action,
        .no_socket = on_no_socket,
        .tunnel_lost = on_tunnel_lost,
        .tunnel_restored = on_tunnel_restored,
        .turn = on_turn,
    };
}
