/* What happens when:
 *
 *     a connection is dialed anew  ──> the name is resolved again, at most once a second
 *     it has other addresses now   ──┐
 *     links, routes have changed   ──┴─> a look: forwarding for what is new, the routes to the
 *                                        addresses, the path MTU; the endpoints are told
 *
 * The endpoints are offered a path to each address to which there is a route, in the resolver's
 * order; to all of them when there is a route to none, as there may be one before the next look. A
 * path has an address of this end's: packets are sent from there. */
#include "network.h"

#include "log.h"
#include "text.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* Changes come in bursts: a link that comes up brings addresses and routes. */
static const uint64_t settle_ns = 100 * FTUN_MILLISECOND;

/* Between two questions for the name. */
static const uint64_t ask_interval_ns = FTUN_SECOND;

enum { RETRY_MS = 1000 }; /* at start, between two questions */

/* --- what people are told ----------------------------------------------------------------- */

enum { LINES_PER_SECOND = 2 }; /* a loose plug must not fill the disk */

/* Once, until there is something else to tell. */
static void tell(struct ftun_network *network, enum ftun_log_level level,
                 const struct ftun_error *line)
{
    if (strcmp(network->told.text, line->text) == 0 ||
        !ftun_rate_limit_take(&network->lines, ftun_clock(), LINES_PER_SECOND))
        return;
    network->told = *line;
    ftun_log(level, "%s", line->text);
}

/* --- the timer ---------------------------------------------------------------------------- */

static void set_timer(const struct ftun_network *network)
{
    const uint64_t at_ns =
        network->look_at_ns < network->ask_at_ns ? network->look_at_ns : network->ask_at_ns;
    struct itimerspec at = {0}; /* disarmed */
    if (at_ns != FTUN_NEVER)
        at.it_value = (struct timespec){.tv_sec = (time_t)(at_ns / FTUN_SECOND),
                                        .tv_nsec = (long)(at_ns % FTUN_SECOND)};
    timerfd_settime(network->timer, TFD_TIMER_ABSTIME, &at, NULL);
}

static void look_soon(struct ftun_network *network)
{
    if (network->look_at_ns == FTUN_NEVER)
        network->look_at_ns = ftun_clock() + settle_ns;
    set_timer(network);
}

/* --- links and routes --------------------------------------------------------------------- */

static struct ftun_ways find_ways(const struct ftun_network *network)
{
    const struct ftun_remotes *const remotes = &network->known;
    const uint32_t mark = network->attachment->plan.choices.mark;
    struct ftun_error ignored;
    struct ftun_ways out = {0};
    for (size_t i = 0; i < remotes->count; i++) {
        struct ftun_way *way = &out.at[out.count];
        way->remote = remotes->at[i];
        if (ftun_netlink_route(&way->remote.ip, mark, &way->route, &ignored))
            out.count++;
    }
    return out;
}

static bool same_way(const struct ftun_way *a, const struct ftun_way *b)
{
    return ftun_socket_address_equal(&a->remote, &b->remote) && a->route.link == b->route.link &&
           ftun_address_equal(&a->route.source, &b->route.source);
}

static bool same_ways(const struct ftun_ways *a, const struct ftun_ways *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!same_way(&a->at[i], &b->at[i]))
            return false;
    return true;
}

static void tell_way(struct ftun_network *network)
{
    char remote[FTUN_ADDRESS_TEXT], source[FTUN_ADDRESS_TEXT], link[IF_NAMESIZE] = "?";
    struct ftun_error line;
    if (network->ways.count == 0) {
        ftun_fail(&line, "there is no route to %s: waiting for one", network->question.host);
        tell(network, FTUN_LOG_WARNING, &line);
        return;
    }
    const struct ftun_way *best = &network->ways.at[0];
    if_indextoname(best->route.link, link);
    ftun_fail(&line, "the way to %s is by %s now, from %s",
              ftun_address_string(&best->remote.ip, remote), link,
              ftun_address_string(&best->route.source, source));
    tell(network, FTUN_LOG_INFO, &line);
}

/* With the address that packets leave from, as far as the attachment knows one. */
static void add_path(const struct ftun_network *network, struct ftun_paths *paths,
                     const struct ftun_socket_address *remote, const struct ftun_route *route)
{
    struct ftun_path *path = &paths->at[paths->count];
    path->remote = *remote;
    if (ftun_attachment_local(network->attachment, route, &path->local))
        paths->count++;
}

static void offer(const struct ftun_network *network)
{
    struct ftun_paths paths = {0};
    const struct ftun_ways *ways = &network->ways;
    const struct ftun_remotes *known = &network->known;
    for (size_t i = 0; i < ways->count; i++)
        add_path(network, &paths, &ways->at[i].remote, &ways->at[i].route);
    for (size_t i = 0; ways->count == 0 && i < known->count; i++) {
        const struct ftun_route none = {.family = (enum ftun_family)known->at[i].ip.family};
        add_path(network, &paths, &known->at[i], &none);
    }
    network->audience.set_paths(network->audience.context, &paths);
}

/* True when they are others than before. */
static bool take_ways(struct ftun_network *network)
{
    const struct ftun_ways ways = find_ways(network);
    if (same_ways(&ways, &network->ways))
        return false;
    network->ways = ways;
    offer(network);
    tell_way(network);
    return true;
}

static void tell_audience(struct ftun_network *network)
{
    const bool moved = network->role == FTUN_CLIENT && take_ways(network);
    if (!moved && network->mtu == network->attachment->mtu)
        return;
    network->mtu = network->attachment->mtu;
    network->audience.path_changed(network->audience.context, network->mtu);
}

static void look(struct ftun_network *network)
{
    struct ftun_error error;
    network->look_at_ns = FTUN_NEVER;
    switch (ftun_attachment_follow(network->attachment, &network->served, &error)) {
    case FTUN_FOLLOWED:
        break;
    case FTUN_FOLLOW_BUSY:
        look_soon(network);
        break;
    case FTUN_FOLLOW_FAILED:
        tell(network, FTUN_LOG_WARNING, &error);
        break;
    }
    tell_audience(network);
}

static void on_change(void *context)
{
    struct ftun_network *network = context;
    ftun_monitor_drain(&network->monitor);
    look_soon(network);
}

/* --- the name ----------------------------------------------------------------------------- */

static void ask(struct ftun_network *network)
{
    struct ftun_error error;
    network->ask_at_ns = FTUN_NEVER;
    network->asked_at_ns = ftun_clock();
    if (!ftun_resolver_ask(&network->resolver, &network->question, &error))
        tell(network, FTUN_LOG_WARNING, &error);
}

static void name_is_unknown(struct ftun_network *network, const struct ftun_answer *answer,
                            const char *consequence)
{
    struct ftun_error error;
    ftun_fail(&error, "cannot resolve %s: %s; %s", network->question.host, answer->error.text,
              consequence);
    tell(network, FTUN_LOG_WARNING, &error);
}

/* Flows may still have connections to addresses that the name had before. */
static void learn(struct ftun_network *network, const struct ftun_remotes *remotes)
{
    const struct ftun_remotes before = network->served;
    network->known = *remotes;
    network->served = *remotes;
    for (size_t i = 0; i < before.count; i++)
        ftun_remotes_add(&network->served, &before.at[i]);
}

static void on_answer(void *context)
{
    struct ftun_network *network = context;
    struct ftun_answer answer;
    struct ftun_error line;
    char text[FTUN_ADDRESS_TEXT];
    if (!ftun_resolver_take(&network->resolver, &answer))
        return;
    if (answer.kind != FTUN_ANSWER_FOUND) {
        name_is_unknown(network, &answer, "the addresses that it had are tried");
        return;
    }
    if (ftun_remotes_equal(&answer.remotes, &network->known))
        return;
    learn(network, &answer.remotes);
    ftun_fail(&line, "%s has other addresses now: %s%s", network->question.host,
              ftun_address_string(&network->known.at[0].ip, text),
              network->known.count > 1 ? " and more" : "");
    tell(network, FTUN_LOG_INFO, &line);
    look(network);
}

void ftun_network_reconnecting(void *context)
{
    struct ftun_network *network = context;
    if (network->literal || network->role == FTUN_SERVER || network->ask_at_ns != FTUN_NEVER)
        return;
    const uint64_t now_ns = ftun_clock();
    const uint64_t next_ns = network->asked_at_ns + ask_interval_ns;
    network->ask_at_ns = next_ns > now_ns ? next_ns : now_ns;
    set_timer(network);
}

static void on_timer(void *context)
{
    struct ftun_network *network = context;
    const uint64_t now_ns = ftun_clock();
    uint64_t times;
    if (read(network->timer, &times, sizeof times) < 0)
        return;
    if (network->look_at_ns <= now_ns)
        look(network);
    if (network->ask_at_ns <= now_ns)
        ask(network);
    set_timer(network);
}

/* --- the first time ----------------------------------------------------------------------- */

/* True when a signal has come that ends ftun. */
static bool is_ended(int signal_fd)
{
    struct signalfd_siginfo info;
    while (read(signal_fd, &info, sizeof info) == sizeof info)
        if (info.ssi_signo != SIGUSR1)
            return true;
    return false;
}

/* Wait for the answer, for so long at most; -1: for as long as it takes. False when ended. */
static bool wait_for_answer(const struct ftun_network *network, int signal_fd, int timeout_ms)
{
    struct pollfd watched[] = {{.fd = signal_fd, .events = POLLIN},
                               {.fd = network->resolver.fd, .events = POLLIN}};
    for (;;) {
        const int count = poll(watched, 2, timeout_ms);
        if (is_ended(signal_fd))
            return false;
        if (count == 0 || (watched[1].revents & POLLIN) != 0)
            return true;
    }
}

bool ftun_network_find(struct ftun_network *network, int signal_fd, struct ftun_error *error)
{
    struct ftun_answer answer;
    for (;;) {
        error->text[0] = '\0';
        if (!ftun_resolver_ask(&network->resolver, &network->question, error) ||
            !wait_for_answer(network, signal_fd, -1))
            return false;
        if (!ftun_resolver_take(&network->resolver, &answer))
            continue;
        if (answer.kind == FTUN_ANSWER_FOUND)
            break;
        if (answer.kind == FTUN_ANSWER_NOWHERE)
            return ftun_fail(error, "cannot resolve %s: %s; check the name, or give an address",
                             network->question.host, answer.error.text);
        name_is_unknown(network, &answer, "trying until there is an answer");
        if (!wait_for_answer(network, signal_fd, RETRY_MS))
            return false;
    }
    learn(network, &answer.remotes);
    network->asked_at_ns = ftun_clock();
    network->told.text[0] = '\0';
    return true;
}

/* --- life --------------------------------------------------------------------------------- */

bool ftun_network_open(struct ftun_network *network, enum ftun_role role,
                       const struct ftun_question *question, struct ftun_error *error)
{
    *network = (struct ftun_network)FTUN_NETWORK_CLOSED;
    network->role = role;
    network->question = *question;
    network->literal = ftun_question_is_literal(question);
    network->look_at_ns = FTUN_NEVER;
    network->ask_at_ns = FTUN_NEVER;
    if (!ftun_resolver_open(&network->resolver, error) ||
        !ftun_monitor_open(&network->monitor, error))
        return false;
    network->timer = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    return network->timer >= 0 || ftun_fail(error, "cannot make a timer: %s", strerror(errno));
}

void ftun_network_follow(struct ftun_network *network, struct ftun_attachment *attachment,
                         const struct ftun_network_audience *audience)
{
    network->attachment = attachment;
    network->audience = *audience;
    network->mtu = attachment->mtu;
    if (network->role == FTUN_SERVER)
        return;
    network->ways = find_ways(network);
    offer(network);
    if (network->ways.count == 0)
        tell_way(network);
}

bool ftun_network_uses(const struct ftun_network *network, enum ftun_family family)
{
    for (size_t i = 0; i < network->ways.count; i++)
        if (network->ways.at[i].remote.ip.family == family)
            return true;
    return false;
}

static void on_attachment(void *context)
{
    const struct ftun_network *network = context;
    ftun_attachment_serve(network->attachment);
}

unsigned ftun_network_watches(struct ftun_network *network,
                              struct ftun_watch watches[FTUN_NETWORK_WATCHES])
{
    const int attachment_fd = ftun_attachment_fd(network->attachment);
    watches[0] = (struct ftun_watch){network->monitor.fd, network, on_change};
    watches[1] = (struct ftun_watch){network->resolver.fd, network, on_answer};
    watches[2] = (struct ftun_watch){network->timer, network, on_timer};
    watches[3] = (struct ftun_watch){attachment_fd, network, on_attachment};
    return attachment_fd < 0 ? 3 : 4;
}

void ftun_network_close(struct ftun_network *network)
{
    ftun_resolver_close(&network->resolver);
    ftun_monitor_close(&network->monitor);
    if (network->timer >= 0)
        close(network->timer);
    *network = (struct ftun_network)FTUN_NETWORK_CLOSED;
}
