#include "tunnel.h"

#include "flow_limits.h"
#include "host_tcp.h"
#include "mss.h"
#include "network.h"
#include "privileges.h"
#include "text.h"
#include "workers.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    PENDING_SLOTS = 4096,   /* 200 ms of opening 20,000 flows a second; untouched until then */
    REASSEMBLY_SLOTS = 64,  /* 4 MiB, untouched until fragments come: Linux's ipfrag_high_thresh */
    FIRST_FREE_PORT = 1024, /* net.ipv4.ip_unprivileged_port_start, if nobody has changed it */
    WIREGUARD_OVERHEAD = 32 /* bytes: header and tag of a transport message */
};

struct tunnel {
    const struct ftun_options *options;
    struct ftun_network network;
    struct ftun_attachment attachment;
    struct ftun_workers *workers;
    uint8_t *handshake_packet;
    size_t handshake_packet_len;
    int signal_fd;
};

/* --- parts -------------------------------------------------------------------------------- */

static bool is_ignored(int number)
{
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

/* From before anything is set up, a signal waits until the loop reads it: nothing is left behind.
 */
static bool catch_signals(struct tunnel *t, struct ftun_error *error)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGQUIT);
    if (!is_ignored(SIGHUP)) /* nohup */
        sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN); /* a closed standard error must not end the tunnel */
    t->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return t->signal_fd >= 0 || ftun_fail(error, "cannot catch signals: %s", strerror(errno));
}

static bool read_handshake_packet(struct tunnel *t, struct ftun_error *error)
{
    const char *path = t->options->handshake_packet;
    if (path == NULL)
        return true;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ftun_fail(error, "cannot read --handshake-packet %s: %s", path, strerror(errno));
    t->handshake_packet = malloc(FTUN_IP_PACKET_MAX);
    const ssize_t len =
        t->handshake_packet == NULL ? -1 : read(fd, t->handshake_packet, FTUN_IP_PACKET_MAX);
    close(fd);
    if (len < 0)
        return ftun_fail(error, "cannot read --handshake-packet %s: %s", path, strerror(errno));
    t->handshake_packet_len = (size_t)len;
    return len > 0 || ftun_fail(error, "--handshake-packet %s is empty", path);
}

static bool create_workers(struct tunnel *t, const struct ftun_flow_limits *limits,
                           struct ftun_error *error)
{
    const struct ftun_workers_config config = {
        .options = t->options,
        .attachment = &t->attachment,
        .network = &t->network,
        .signal_fd = t->signal_fd,
        .limits = *limits,
        .count = ftun_options_workers(t->options),
    };
    t->workers = ftun_workers_create(&config, error);
    return t->workers != NULL;
}

static struct ftun_host host_of(const struct ftun_options *options)
{
    struct ftun_host host = ftun_host_tcp();
    host.timestamps = options->timestamps;
    return host;
}

static bool set_up_workers(struct tunnel *t, uint32_t max_flows, struct ftun_error *error)
{
    const struct ftun_attachment *a = &t->attachment;
    const struct ftun_endpoint_config config = {
        .role = t->options->role,
        .peer = t->options->peer,
        .ports = a->ports,
        .local4 = a->plan.tun4.own,
        .local6 = a->plan.tun6.own,
        .any_local = a->any_local,
        .port = t->options->local.port,
        .mtu = a->mtu,
        .host = host_of(t->options),
        .hops = a->hops,
        .segmentation_offload = a->tun.offload,
        .timeouts = t->options->timeouts,
        .max_flows = max_flows,
        .max_flows_per_source = t->options->max_flows_per_source,
        .pending_slots = PENDING_SLOTS,
        .reassembly_slots = REASSEMBLY_SLOTS,
        .handshake_packet = t->handshake_packet,
        .handshake_packet_len = t->handshake_packet_len,
        .resumption = t->handshake_packet_len == 0,
    };
    return ftun_workers_set_up(t->workers, &config, error);
}

/* The largest datagram that fits, whichever family it goes by. */
static uint16_t smallest_mss(const struct tunnel *t)
{
    const struct ftun_attachment *a = &t->attachment;
    const bool ipv6 = t->options->role == FTUN_CLIENT && a->plan.ipv4
                          ? ftun_network_uses(&t->network, FTUN_IPV6)
                          : a->plan.ipv6;
    const uint16_t mss = ftun_mss(ipv6 ? FTUN_IPV6 : FTUN_IPV4, a->mtu);
    return (uint16_t)(mss - (t->options->timestamps ? FTUN_TCP_TIMESTAMPS : 0));
}

static bool check_handshake_packet(const struct tunnel *t, struct ftun_error *error)
{
    if (t->handshake_packet_len <= smallest_mss(t))
        return true;
    return ftun_fail(error,
                     "--handshake-packet %s is larger than a segment: at most %u bytes fit "
                     "here",
                     t->options->handshake_packet, smallest_mss(t));
}

/* What can be wrong with the command line before the name, for which ftun may have to wait. The UDP
 * port before the rest: a port in use is found out before anything is set up. */
static bool prepare(struct tunnel *t, struct ftun_error *error)
{
    return catch_signals(t, error) && read_handshake_packet(t, error) &&
           ftun_network_open(&t->network, t->options->role, &t->options->remote, error) &&
           ftun_network_find(&t->network, t->signal_fd, error);
}

static bool set_up(struct tunnel *t, struct ftun_error *error)
{
    struct ftun_flow_limits limits;
    const struct ftun_attachment_plan plan = ftun_options_plan(t->options, &t->network.known);
    return ftun_flow_limits(t->options, &t->network.known.at[0], &limits, error) &&
           create_workers(t, &limits, error) &&
           ftun_attachment_open(&t->attachment, &plan, error) &&
           set_up_workers(t, limits.flows, error) && check_handshake_packet(t, error);
}

/* A client branches off sockets from its listener, on the same port, as applications come. */
static bool give_up_privileges(const struct tunnel *t, struct ftun_error *error)
{
    const struct ftun_privileges needed = {
        .low_port = t->options->role == FTUN_CLIENT && t->options->local.port < FIRST_FREE_PORT,
        .bpf_maps = t->attachment.divert != NULL,
    };
    return ftun_privileges_keep(&needed, error);
}

static void take_down(struct tunnel *t)
{
    ftun_workers_destroy(t->workers);
    ftun_network_close(&t->network);
    ftun_attachment_close(&t->attachment);
    free(t->handshake_packet);
    if (t->signal_fd >= 0)
        close(t->signal_fd);
}

/* --- what people are told ----------------------------------------------------------------- */

static const char *own_addresses(const struct ftun_attachment_plan *plan, char *out,
                                 size_t capacity)
{
    struct ftun_text text = ftun_text_start(out, capacity);
    if (plan->ipv4) {
        ftun_text_address(&text, &plan->tun4.own);
        ftun_text_string(&text, ", ");
    }
    if (plan->ipv6) {
        ftun_text_address(&text, &plan->tun6.own);
        ftun_text_string(&text, ", ");
    }
    return out;
}

static void announce_tun(const struct ftun_attachment *a)
{
    char own[2 * FTUN_ADDRESS_TEXT + 4] = "";
    const bool has_addresses = a->plan.kind != FTUN_ATTACHMENT_DIVERT;
    ftun_log(FTUN_LOG_INFO, "%s is up: %s%s", a->tun.name,
             has_addresses ? own_addresses(&a->plan, own, sizeof own) : own,
             a->tun.offload ? "segmentation and checksums by the kernel" : "no offloads");
}

static void announce_divert(const struct ftun_attachment *a)
{
    const char *const hook = ftun_divert_hook(a->divert) == FTUN_DIVERT_TCX ? "tcx" : "clsact";
    if (a->plan.role == FTUN_CLIENT)
        ftun_log(FTUN_LOG_INFO, "attached by divert (%s), with TCP ports %u to %u", hook,
                 a->ports.first, a->ports.last);
    else
        ftun_log(FTUN_LOG_INFO, "attached by divert (%s)", hook);
    ftun_log(FTUN_LOG_INFO, "packets of the tunnel go around this host's firewall (--attach nat "
                            "goes through it)");
}

static void announce_nat(const struct ftun_attachment *a)
{
    const bool useless = a->plan.role == FTUN_CLIENT && a->plan.choices.link_count > 0;
    ftun_log(FTUN_LOG_INFO, "attached by NAT: %s%s",
             a->why_nat.text[0] != '\0' ? a->why_nat.text : "--attach nat",
             useless ? "; --dev has no effect so" : "");
}

static void announce_attachment(const struct ftun_attachment *a)
{
    char name[IFNAMSIZ];
    if (a->plan.kind == FTUN_ATTACHMENT_DIVERT)
        announce_divert(a);
    else if (a->plan.kind == FTUN_ATTACHMENT_NAT)
        announce_nat(a);
    else
        ftun_log(FTUN_LOG_INFO,
                 "attached by nothing: --setup=none (ftun rules says what it takes)");
    for (size_t i = 0; i < a->plan.choices.link_count; i++) {
        memcpy(name, a->plan.choices.links[i], sizeof name);
        if (if_nametoindex(name) == 0)
            ftun_log(FTUN_LOG_WARNING, "--dev %s: there is no such interface yet", name);
    }
}

static void announce_workers(const struct ftun_attachment *a)
{
    if (a->why_one_queue.text[0] != '\0')
        ftun_log(FTUN_LOG_WARNING, "one worker only: %s", a->why_one_queue.text);
    else if (a->queues > 1)
        ftun_log(FTUN_LOG_INFO, "%u workers, each with flows of its own", a->queues);
}

static void announce(const struct tunnel *t)
{
    const struct ftun_attachment *a = &t->attachment;
    char local[FTUN_ADDRESS_TEXT], remote[FTUN_ADDRESS_TEXT];
    ftun_socket_address_string(&t->network.known.at[0], remote);
    announce_tun(a);
    announce_attachment(a);
    announce_workers(a);
    ftun_log(FTUN_LOG_INFO,
             "datagrams of up to %u bytes fit, unless a flow's line says less; for "
             "WireGuard set MTU %u",
             smallest_mss(t), smallest_mss(t) - WIREGUARD_OVERHEAD);
    if (t->options->role == FTUN_CLIENT)
        ftun_log(FTUN_LOG_INFO, "listening on %s (UDP), for %s (TCP)",
                 ftun_socket_address_string(&t->options->local, local), remote);
    else
        ftun_log(FTUN_LOG_INFO,
                 "listening on port %u (TCP; netstat and ss cannot show it), for %s "
                 "(UDP)",
                 t->options->local.port, remote);
}

static enum ftun_exit run(const struct ftun_options *options)
{
    struct ftun_error error;
    struct tunnel t = {.options = options,
                       .signal_fd = -1,
                       .network = FTUN_NETWORK_CLOSED,
                       .attachment = FTUN_ATTACHMENT_CLOSED};
    bool done = prepare(&t, &error);
    const bool ended = !done && error.text[0] == '\0'; /* by a signal, waiting for the name */
    done = done && set_up(&t, &error) && give_up_privileges(&t, &error);
    if (done) {
        announce(&t);
        done = ftun_workers_run(t.workers, &error);
    }
    if (!done && !ended)
        ftun_log(FTUN_LOG_ERROR, "%s", error.text);
    take_down(&t);
    return done || ended ? FTUN_EXIT_OK : FTUN_EXIT_FAILED;
}

enum ftun_exit ftun_tunnel_command(int argc, char **argv, enum ftun_role role, const char *help)
{
    struct ftun_options options;
    struct ftun_error error;
    if (!ftun_options_parse(argc, argv, role, &options, &error)) {
        fprintf(stderr, "ftun %s: %s\n", argv[0], error.text);
        return FTUN_EXIT_USAGE;
    }
    if (options.help) {
        fputs(help, stdout);
        return FTUN_EXIT_OK;
    }
    ftun_log_set_level(options.log_level);
    return run(&options);
}
