/* Theory of operation
 *
 * Worker 0 runs in the main thread, the others each in one of their own. The kernel gives each
 * worker the packets of its flows: from the TUN by the client's port (src/core/steering.h), from
 * applications by their address (SO_REUSEPORT), from the service by the flow's socket. So a packet
 * is handled from end to end in one thread, which shares no lock and writes to no memory of
 * another.
 *
 * All else goes by letters, which a worker's loop reads like any other input:
 *
 *     worker 0, which has the signals, the network, and the TUN ──> the others
 *         STOP       close all flows and end
 *         PATHS      those to the server, best first
 *         MTU        of the paths, which have changed
 *         QUEUE      the TUN has been made again: the worker's new queue
 *         REPORT     what have you counted?
 *     the others ──> worker 0
 *         FIGURES       this
 *         RECONNECTING  perhaps the server's name has another address by now
 *     any ──> any
 *         PACKET     one that is yours: the kernel could not know (an ICMP error, fragments) */
#include "workers.h"

#include "flow_total.h"
#include "journal.h"
#include "listener.h"
#include "log.h"
#include "loop.h"
#include "mailbox.h"
#include "upstream.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum letter_kind { STOP, PATHS, MTU, QUEUE, REPORT, FIGURES, RECONNECTING, PACKET };

enum {
    CACHE_LINES = 128, /* bytes: two, which some processors fetch together */
    PACKETS_MOST = 256,
    LETTERS_PER_TURN = 64, /* each may be a packet: others deliver, too */
    RECONNECTING_MOST = 64 /* worker 0 asks at most once a second anyway */
};

struct worker {
    _Alignas(CACHE_LINES) struct ftun_workers *all;
    uint32_t index;
    struct ftun_tun queue; /* of the others; worker 0 has the attachment's first */
    struct ftun_listener listener;
    struct ftun_upstream upstream;
    void *memory; /* the endpoint's */
    struct ftun_endpoint *endpoint;
    struct ftun_journal *journal;
    struct ftun_loop *loop;
    struct ftun_mailbox mailbox;
    struct ftun_watch watches[FTUN_NETWORK_WATCHES + 1];
    pthread_t thread;
};

/* What workers write to has cache lines of its own. */
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding)
struct ftun_workers {
    struct ftun_workers_config config;
    bool running;
    struct ftun_figures figures; /* of those that have reported */
    uint32_t awaited;            /* reports */
    uint32_t count;
    _Alignas(CACHE_LINES) struct ftun_flow_total total;
    struct worker at[FTUN_WORKERS_MAX];
};

/* --- letters ------------------------------------------------------------------------------ */

static bool post(struct worker *to, enum letter_kind kind, uint64_t note, const void *data,
                 size_t len)
{
    return ftun_mailbox_post(&to->mailbox, (uint32_t)kind, note, data, len, SIZE_MAX);
}

static void post_to_others(struct ftun_workers *all, enum letter_kind kind, uint64_t note,
                           const void *data, size_t len)
{
    for (uint32_t i = 1; i < all->count; i++)
        post(&all->at[i], kind, note, data, len);
}

static void set_paths(struct worker *worker, const struct ftun_paths *paths)
{
    ftun_endpoint_set_paths(worker->endpoint, paths->at, paths->count);
}

static void report(const struct worker *worker)
{
    const struct ftun_figures figures = ftun_journal_figures(worker->journal);
    post(&worker->all->at[0], FIGURES, 0, &figures, sizeof figures);
}

static void take_report(struct ftun_workers *all, const void *data)
{
    struct ftun_figures figures;
    memcpy(&figures, data, sizeof figures);
    ftun_figures_add(&all->figures, &figures);
    if (--all->awaited == 0)
        ftun_figures_tell(&all->figures);
}

static void take_paths(struct worker *worker, const void *data)
{
    struct ftun_paths paths;
    memcpy(&paths, data, sizeof paths);
    set_paths(worker, &paths);
}

static void take_queue(struct worker *worker, const void *data)
{
    struct ftun_tun queue;
    memcpy(&queue, data, sizeof queue);
    ftun_loop_take_tun(worker->loop, &queue);
}

/* Its checksums were verified by the worker that it came from. */
static void take_packet(struct worker *worker, const struct ftun_letter *letter)
{
    const struct ftun_tunnel_packet packet = {
        .data = letter->data,
        .len = letter->len,
        .segment_size = letter->note,
        .checksum_vouched = true,
    };
    ftun_loop_packet(worker->loop, &packet);
}

static void open_letter(struct worker *worker, const struct ftun_letter *letter)
{
    switch ((enum letter_kind)letter->kind) {
    case STOP:
        ftun_loop_stop(worker->loop);
        break;
    case PATHS:
        take_paths(worker, letter->data);
        break;
    case MTU:
        ftun_endpoint_path_changed(worker->endpoint, ftun_clock(), (uint16_t)letter->note);
        break;
    case QUEUE:
        take_queue(worker, letter->data);
        break;
    case REPORT:
        report(worker);
        break;
    case FIGURES:
        take_report(worker->all, letter->data);
        break;
    case RECONNECTING:
        ftun_network_reconnecting(worker->all->config.network);
        break;
    case PACKET:
        take_packet(worker, letter);
        break;
    }
}

/* Those of a turn; what is left, and what comes meanwhile, is there in the next. */
static void on_letters(void *context)
{
    struct worker *worker = context;
    for (int i = 0; i < LETTERS_PER_TURN; i++) {
        struct ftun_letter *letter = ftun_mailbox_take(&worker->mailbox);
        if (letter == NULL)
            return;
        open_letter(worker, letter);
        free(letter);
    }
}

/* --- what a loop asks for ----------------------------------------------------------------- */

static void begin_listing(struct ftun_workers *all)
{
    if (all->awaited > 0) /* one is under way */
        return;
    all->figures = ftun_journal_figures(all->at[0].journal);
    all->awaited = all->count - 1;
    if (all->awaited == 0)
        ftun_figures_tell(&all->figures);
    post_to_others(all, REPORT, 0, NULL, 0);
}

static bool on_signal(void *context, int number)
{
    const struct worker *worker = context;
    if (number == SIGUSR1) {
        begin_listing(worker->all);
        return false;
    }
    ftun_log(FTUN_LOG_INFO, "%s: closing all flows", strsignal(number));
    post_to_others(worker->all, STOP, 0, NULL, 0);
    return true;
}

static void on_reconnecting(void *context)
{
    const struct worker *worker = context;
    if (worker->index == 0)
        ftun_network_reconnecting(worker->all->config.network);
    else
        ftun_mailbox_post(&worker->all->at[0].mailbox, RECONNECTING, 0, NULL, 0, RECONNECTING_MOST);
}

static bool on_hand_over(void *context, uint32_t to, const struct ftun_tunnel_packet *packet)
{
    const struct worker *worker = context;
    return ftun_mailbox_post(&worker->all->at[to].mailbox, PACKET, packet->segment_size,
                             packet->data, packet->len, PACKETS_MOST);
}

/* The queue of worker `index`, which owns it from now on. */
static struct ftun_tun take_from_attachment(struct ftun_attachment *attachment, uint32_t index)
{
    struct ftun_tun *kept = &attachment->more[index - 1];
    const struct ftun_tun queue = *kept;
    kept->fd = -1;
    return queue;
}

static void on_tunnel_restored(void *context)
{
    struct ftun_workers *all = ((const struct worker *)context)->all;
    for (uint32_t i = 1; i < all->count; i++) {
        struct ftun_tun queue = take_from_attachment(all->config.attachment, i);
        if (!post(&all->at[i], QUEUE, 0, &queue, sizeof queue))
            ftun_tun_close(&queue);
    }
}

/* --- what the network tells --------------------------------------------------------------- */

/* Before the threads run, their endpoints are nobody's yet. */
static void on_paths(void *context, const struct ftun_paths *paths)
{
    struct ftun_workers *all = context;
    for (uint32_t i = 0; i < all->count; i++)
        if (i == 0 || !all->running)
            set_paths(&all->at[i], paths);
        else
            post(&all->at[i], PATHS, 0, paths, sizeof *paths);
}

static void on_path_changed(void *context, uint16_t mtu)
{
    struct ftun_workers *all = context;
    ftun_endpoint_path_changed(all->at[0].endpoint, ftun_clock(), mtu);
    post_to_others(all, MTU, mtu, NULL, 0);
}

/* --- making one --------------------------------------------------------------------------- */

/* Flows of one worker that may have a socket of their own: a share of the descriptors, where there
 * are not enough for all. */
static uint32_t own_sockets(const struct ftun_workers_config *config)
{
    const struct ftun_flow_limits *limits = &config->limits;
    return limits->sockets < limits->flows ? limits->sockets / config->count : limits->sockets;
}

static bool open_udp(struct worker *worker, struct ftun_error *error)
{
    const struct ftun_workers_config *config = &worker->all->config;
    if (config->options->role == FTUN_SERVER)
        return ftun_upstream_init(&worker->upstream, &config->network->known.at[0],
                                  config->limits.flows, own_sockets(config), error);
    return ftun_listener_open(&worker->listener,
                              worker->index > 0 ? &worker->all->at[0].listener : NULL,
                              &config->options->local, config->limits.flows, error);
}

static bool create_endpoint(struct worker *worker, struct ftun_endpoint_config config,
                            struct ftun_error *error)
{
    config.worker = worker->index;
    config.workers = worker->all->count;
    config.total = worker->all->count > 1 ? &worker->all->total : NULL;
    if (getrandom(&config.key, sizeof config.key, 0) != sizeof config.key)
        return ftun_fail(error, "no random numbers: %s", strerror(errno));
    worker->memory = malloc(ftun_endpoint_size(&config));
    if (worker->memory == NULL)
        return ftun_fail(error, "not enough memory for %u flows; lower --max-flows",
                         config.max_flows);
    worker->endpoint = ftun_endpoint_create(&config, worker->memory);
    return true;
}

static bool create_journal(struct worker *worker, struct ftun_error *error)
{
    const enum ftun_role role = worker->all->config.options->role;
    worker->journal = ftun_journal_create(role, worker->index, worker->all->count, worker->endpoint,
                                          role == FTUN_CLIENT ? &worker->listener : NULL);
    return worker->journal != NULL || ftun_fail(error, "out of memory");
}

static bool create_loop(struct worker *worker, struct ftun_error *error)
{
    const struct ftun_workers_config *config = &worker->all->config;
    const bool first = worker->index == 0;
    unsigned watch_count = 1;
    worker->watches[0] = (struct ftun_watch){worker->mailbox.fd, worker, on_letters};
    if (first)
        watch_count += ftun_network_watches(config->network, worker->watches + 1);
    else
        worker->queue = take_from_attachment(config->attachment, worker->index);
    const struct ftun_loop_config wanted = {
        .endpoint = worker->endpoint,
        .role = config->options->role,
        .tun = first ? &config->attachment->tun : &worker->queue,
        .attachment = first ? config->attachment : NULL,
        .listener = &worker->listener,
        .upstream = &worker->upstream,
        .signal_fd = first ? config->signal_fd : -1,
        .workers = worker->all->count,
        .busy_poll_ns = config->options->busy_poll_ns,
        .watches = worker->watches,
        .watch_count = watch_count,
        .owner = {.context = worker,
                  .signal = on_signal,
                  .reconnecting = on_reconnecting,
                  .hand_over = on_hand_over,
                  .tunnel_restored = first ? on_tunnel_restored : NULL},
        .observer = ftun_journal_observer(worker->journal),
    };
    worker->loop = ftun_loop_create(&wanted, error);
    if (worker->loop == NULL)
        return false;
    ftun_journal_follow(worker->journal, worker->loop, wanted.attachment);
    return true;
}

static void destroy(struct worker *worker)
{
    ftun_loop_destroy(worker->loop);
    ftun_journal_destroy(worker->journal);
    free(worker->memory);
    ftun_mailbox_close(&worker->mailbox);
    ftun_tun_close(&worker->queue);
    ftun_listener_close(&worker->listener);
    ftun_upstream_destroy(&worker->upstream);
}

/* --- all of them -------------------------------------------------------------------------- */

struct ftun_workers *ftun_workers_create(const struct ftun_workers_config *config,
                                         struct ftun_error *error)
{
    struct ftun_workers *all = aligned_alloc(CACHE_LINES, sizeof *all);
    if (all == NULL) {
        ftun_fail(error, "out of memory");
        return NULL;
    }
    *all = (struct ftun_workers){.config = *config, .count = config->count};
    for (uint32_t i = 0; i < all->count; i++)
        all->at[i] = (struct worker){
            .all = all, .index = i, .queue.fd = -1, .listener.fd = -1, .mailbox.fd = -1};
    bool done = true;
    for (uint32_t i = 0; done && i < all->count; i++)
        done = open_udp(&all->at[i], error);
    /* what came before all were there may be from an application whose flow another has */
    for (uint32_t i = 0; all->count > 1 && i < all->count; i++)
        if (all->at[i].listener.fd >= 0)
            ftun_udp_discard(all->at[i].listener.fd);
    if (done)
        return all;
    ftun_workers_destroy(all);
    return NULL;
}

/* As many as the TUN has queues. */
static void limit(struct ftun_workers *all, uint32_t count)
{
    while (all->count > count)
        destroy(&all->at[--all->count]);
}

bool ftun_workers_set_up(struct ftun_workers *all, const struct ftun_endpoint_config *endpoint,
                         struct ftun_error *error)
{
    const struct ftun_network_audience audience = {all, on_paths, on_path_changed};
    limit(all, all->config.attachment->queues);
    for (uint32_t i = 0; i < all->count; i++)
        if (!ftun_mailbox_open(&all->at[i].mailbox, error) ||
            !create_endpoint(&all->at[i], *endpoint, error) || !create_journal(&all->at[i], error))
            return false;
    ftun_network_follow(all->config.network, all->config.attachment, &audience);
    for (uint32_t i = 0; i < all->count; i++)
        if (!create_loop(&all->at[i], error))
            return false;
    return true;
}

static void *work(void *context)
{
    const struct worker *worker = context;
    struct ftun_error error; /* only worker 0, which makes the TUN again, can fail */
    ftun_loop_run(worker->loop, &error);
    return NULL;
}

/* Returns how many run, this thread's included. */
static uint32_t start_others(struct ftun_workers *all, struct ftun_error *error)
{
    uint32_t started = 1;
    for (; started < all->count; started++) {
        struct worker *worker = &all->at[started];
        const int cause = pthread_create(&worker->thread, NULL, work, worker);
        if (cause != 0) {
            ftun_fail(error, "cannot start a thread: %s", strerror(cause));
            break;
        }
    }
    return started;
}

bool ftun_workers_run(struct ftun_workers *all, struct ftun_error *error)
{
    all->running = true;
    const uint32_t started = start_others(all, error);
    const bool done = started == all->count && ftun_loop_run(all->at[0].loop, error);
    post_to_others(all, STOP, 0, NULL, 0);
    struct ftun_figures figures = ftun_journal_figures(all->at[0].journal);
    for (uint32_t i = 1; i < started; i++) {
        pthread_join(all->at[i].thread, NULL);
        const struct ftun_figures more = ftun_journal_figures(all->at[i].journal);
        ftun_figures_add(&figures, &more);
    }
    ftun_figures_tell(&figures);
    return done;
}

void ftun_workers_destroy(struct ftun_workers *all)
{
    if (all == NULL)
        return;
    limit(all, 0);
    free(all);
}
