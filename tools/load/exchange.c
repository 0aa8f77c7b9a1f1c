#include "arguments.h"
#include "clock.h"
#include "commands.h"
#include "fail.h"
#include "hello.h"
#include "json.h"
#include "party.h"
#include "stop.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char help[] =
    "ftun-load exchange: both ends send at once, on many flows, and nothing may go wrong\n"
    "\n"
    "Two processes on one machine, maybe in different network namespaces, exchange datagrams\n"
    "whose lengths and contents both know beforehand. Length, content and order of every one are\n"
    "compared. What is sent and not yet received stays within a window, so a path with room for\n"
    "it must not lose anything. How far they have received the ends tell each other by a file,\n"
    "not by the path.\n"
    "\n"
    "  --listen ADDRESS:PORT   be the end that learns the flows; start this one first, or\n"
    "  --to ADDRESS:PORT       be the end that opens them\n"
    "  --flows N               sockets at the connecting end (default 16)\n"
    "  --count N               datagrams in total; half go each way (default 1M)\n"
    "  --size N|MIN-MAX        bytes in a datagram (default 1-1452). Half of the time each has\n"
    "                          its own size, half of the time 31 in a row have the same\n"
    "  --seed N                another seed, another exchange (default 1)\n"
    "  --window BYTES          what each end may have under way; a datagram counts its bytes\n"
    "                          and 1024 (default 1M; at most a quarter of the socket's buffer,\n"
    "                          and 48 KiB more than each flow has carried, about)\n"
    "  --overtaking N          datagrams of N bytes and more, and shorter ones, may overtake each\n"
    "                          other, as where only the longer are cut into fragments. Each kind\n"
    "                          must stay in order, and overtaken ones are counted\n"
    "  --credit PATH           the file to tell by (default /dev/shm/ftun-load-SEED)\n"
    "  --seconds S             give up after so long (default 600)\n"
    "\n"
    "Flows, count, size and seed must be the same at both ends; another seed, or credit file,\n"
    "keeps exchanges that run at the same time apart. Faults are listed on stderr, the first 20\n"
    "of them. After 10 seconds in which nothing moved, what was sent and has not come is lost.\n"
    "Each end prints one line of JSON; its errors, by kind, are about what it received.\n"
    "\n"
    "Example, in two terminals:\n"
    "  ftun-load exchange --listen 127.0.0.1:5001 --flows 64 --count 10M\n"
    "  ftun-load exchange --to 127.0.0.1:5001 --flows 64 --count 10M\n"
    "\n"
    "Exit status: 0 all came, and nothing else; 1 not so; 2 bad usage.\n";

enum { CREDIT_PATH_ROOM = 64 };

static const double acquaintance_seconds = 30;
static const double stall_seconds = 10;
static const double greeting_seconds = 0.2;
static const double joining_seconds = 0.05;
static const double linger_seconds = 0.2;
static const double progress_seconds = 1;

enum { PATIENCE_IDLE_NS = 10000000, PATIENCE_SENDING_NS = 100000 };

struct plan {
    struct party_terms terms;
    double seconds;
    char credit_path[CREDIT_PATH_ROOM];
};

struct exchange {
    struct party *party;
    uint64_t start_ns;
    uint64_t end_ns;
    uint64_t progress;
    uint64_t moved_ns;
    uint64_t shown_ns;
};

static void check_plan(struct plan *plan, bool listen, bool to, bool credit)
{
    struct party_terms *terms = &plan->terms;

    if (listen == to)
        fail_usage("exchange needs either --listen or --to; --help tells more");
    if (terms->count < 2 * terms->flows)
        fail_usage("--count: expected two datagrams a flow at least");
    if (terms->window < party_cost(terms->script.sizes.most))
        fail_usage("--window: not even one of the largest datagrams fits, with 1024 bytes more");
    terms->listening = listen;
    if (credit)
        return;
    snprintf(plan->credit_path, sizeof plan->credit_path, "/dev/shm/ftun-load-%" PRIu64,
             terms->script.seed);
    terms->credit_path = plan->credit_path;
}

static void read_plan(const char *const words[], struct plan *plan)
{
    struct party_terms *terms = &plan->terms;
    struct argument arguments[] = {
        {.name = "listen", .read = argument_address, .target = &terms->address},
        {.name = "to", .read = argument_address, .target = &terms->address},
        {.name = "overtaking", .read = argument_number, .target = &terms->overtaking},
        {.name = "credit", .read = argument_text, .target = &terms->credit_path},
        {.name = "flows", .read = argument_flows, .target = &terms->flows},
        {.name = "count", .read = argument_count, .target = &terms->count},
        {.name = "size", .read = argument_sizes, .target = &terms->script.sizes},
        {.name = "seed", .read = argument_number, .target = &terms->script.seed},
        {.name = "window", .read = argument_count, .target = &terms->window},
        {.name = "seconds", .read = argument_seconds, .target = &plan->seconds},
    };

    arguments_read(words, arguments, sizeof arguments / sizeof arguments[0], help);
    check_plan(plan, arguments[0].given, arguments[1].given, arguments[3].given);
}

static bool has_passed(uint64_t since_ns, double seconds)
{
    return clock_now_ns() - since_ns >= clock_from_seconds(seconds);
}

/* The listening end may be about to start. */
static struct party *open_party(const struct party_terms *terms)
{
    const uint64_t start_ns = clock_now_ns();
    struct party *party;

    for (;;) {
        party = party_open(terms);
        if (party)
            return party;
        if (stop_requested() || has_passed(start_ns, stall_seconds))
            fail("no listening end of this exchange is running at %s", terms->credit_path);
        clock_sleep_until(clock_now_ns() + clock_from_seconds(joining_seconds));
    }
}

static void announce(const struct party_terms *terms)
{
    char text[ADDRESS_TEXT_ROOM];

    if (!terms->listening)
        return;
    address_format(&terms->address, text);
    fprintf(stderr, "listening on %s\n", text);
}

static bool get_acquainted(struct exchange *exchange)
{
    uint64_t greeted_ns = 0;

    while (!party_is_acquainted(exchange->party)) {
        if (stop_requested() || has_passed(exchange->start_ns, acquaintance_seconds))
            return false;
        if (has_passed(greeted_ns, greeting_seconds)) {
            greeted_ns = clock_now_ns();
            party_greet(exchange->party);
        }
        party_receive(exchange->party, PATIENCE_IDLE_NS);
    }
    return true;
}

static void show_progress(struct exchange *exchange)
{
    const struct party_figures *figures = party_figures(exchange->party);

    if (!isatty(STDERR_FILENO) || !has_passed(exchange->shown_ns, progress_seconds))
        return;
    exchange->shown_ns = clock_now_ns();
    fprintf(stderr, "%.0f s: sent %" PRIu64 ", received %" PRIu64 " datagrams\n",
            clock_to_seconds(exchange->shown_ns - exchange->start_ns), figures->sent,
            figures->received);
}

static bool is_stalled(struct exchange *exchange)
{
    const uint64_t progress = party_progress(exchange->party);

    if (progress != exchange->progress) {
        exchange->progress = progress;
        exchange->moved_ns = clock_now_ns();
    }
    return has_passed(exchange->moved_ns, stall_seconds);
}

/* Why the conversation cannot go on; null while it can. */
static const char *obstacle(struct exchange *exchange)
{
    if (stop_requested())
        return "interrupted";
    if (is_stalled(exchange))
        return "nothing moved for 10 seconds";
    return clock_now_ns() >= exchange->end_ns ? "out of time" : NULL;
}

static bool converse(struct exchange *exchange)
{
    while (!party_is_done(exchange->party)) {
        const bool sent = party_send(exchange->party);
        const char *reason;

        party_receive(exchange->party, sent ? 0 : PATIENCE_SENDING_NS);
        show_progress(exchange);
        reason = obstacle(exchange);
        if (!reason)
            continue;
        fprintf(stderr, "ftun-load: incomplete: %s\n", reason);
        return false;
    }
    return true;
}

/* What comes twice may come late. */
static void linger(struct exchange *exchange)
{
    const uint64_t start_ns = clock_now_ns();

    while (!has_passed(start_ns, linger_seconds))
        party_receive(exchange->party, PATIENCE_IDLE_NS);
}

static uint64_t report_faults(const struct party_figures *figures)
{
    uint64_t sum = 0;

    json_open("errors");
    for (int i = FAULT_NONE + 1; i < FAULT_KINDS; i++) {
        json_count(fault_name((enum fault)i), figures->faults[i]);
        sum += figures->faults[i];
    }
    json_close();
    return sum;
}

static bool report(const struct plan *plan, const struct party_figures *figures, bool complete,
                   double seconds)
{
    uint64_t faults;

    json_open(NULL);
    json_text("command", "exchange");
    json_text("end", plan->terms.listening ? "listening" : "connecting");
    json_count("flows", plan->terms.flows);
    json_count("sent", figures->sent);
    json_count("sent_bytes", figures->sent_bytes);
    json_count("received", figures->received);
    json_count("received_bytes", figures->received_bytes);
    json_count("to_send", party_goal(&plan->terms, true));
    json_count("to_receive", party_goal(&plan->terms, false));
    json_number("seconds", seconds);
    json_number("datagrams_per_second",
                seconds > 0 ? (double)(figures->sent + figures->received) / seconds : 0);
    json_count("overtaken", figures->overtaken);
    faults = report_faults(figures);
    json_flag("complete", complete);
    json_close();
    return complete && faults == 0;
}

static bool run(struct exchange *exchange, const struct plan *plan)
{
    bool complete;
    double seconds;

    exchange->start_ns = clock_now_ns();
    if (!get_acquainted(exchange))
        fail("the ends did not get to know each other: hellos on some flows were not answered");
    exchange->start_ns = exchange->moved_ns = exchange->shown_ns = clock_now_ns();
    exchange->end_ns = exchange->start_ns + clock_from_seconds(plan->seconds);
    complete = converse(exchange);
    seconds = clock_to_seconds(clock_now_ns() - exchange->start_ns);
    if (complete)
        linger(exchange);
    else
        party_give_up(exchange->party);
    return report(plan, party_figures(exchange->party), complete, seconds);
}

int exchange_command(const char *const words[])
{
    struct plan plan = {
        .terms = {.script = {.seed = 1, .sizes = {1, 1452}},
                  .flows = 16,
                  .count = 1000000,
                  .window = 1000000},
        .seconds = 600,
    };
    struct exchange exchange = {0};
    bool right;

    read_plan(words, &plan);
    stop_on_signals();
    clock_sleep_precisely();
    exchange.party = open_party(&plan.terms);
    announce(&plan.terms);
    right = run(&exchange, &plan);
    party_close(exchange.party);
    return right ? EXIT_SUCCESS : EXIT_FAILURE;
}
