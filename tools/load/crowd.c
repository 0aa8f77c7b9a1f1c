#include "address.h"
#include "arguments.h"
#include "clock.h"
#include "commands.h"
#include "durations.h"
#include "fail.h"
#include "json.h"
#include "pace.h"
#include "pattern.h"
#include "sources.h"
#include "stamp.h"
#include "stop.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "ftun-load crowd: many flows that each send a datagram now and then, and want it back\n"
    "\n"
    "  --to ADDRESS:PORT   where to, on this host: 127.0.0.1:5000\n"
    "  --flows N           so many (default 1000, 1048576 at most)\n"
    "  --open-rate R       open so many flows a second (default 20000)\n"
    "  --rate R            then send so many datagrams a second, each flow in turn (default 1000)\n"
    "  --seconds S         for so long (default 10)\n"
    "  --size N            bytes in a datagram, 24 at least (default 64)\n"
    "  --patience S        wait so long for the last answers (default 1)\n"
    "\n"
    "The far end is a ftun-load sink --echo. Each flow has a source address of its own, from\n"
    "127.64.0.0 on, and all share one socket: there are as many as the far end can tell apart. A\n"
    "tunnel's client that gives each a TCP port has 28,232 towards one address of its server: for\n"
    "more, the server's name has several addresses.\n"
    "\n"
    "A flow is open when its first echo has come; one that does not come within a second is asked\n"
    "for again, 30 times at most. When no more can come, a line on stderr says how many are "
    "open.\n"
    "Then the flows that are open send in turn; what has not come back when it is the flow's turn\n"
    "again, or in time after the last, is lost. One line of JSON:\n"
    "  opened, asked_again         flows; how many first datagrams were sent more than once\n"
    "  opening_seconds             from the first datagram to the last flow's first echo\n"
    "  opened_per_second           over that time\n"
    "  sent, answered, lost        datagrams from then on\n"
    "  astray                      came back to another flow than they were sent by, or damaged\n"
    "  p50_us, p90_us, p99_us, max_us   how long answers took; opening_p50_us ...: the first\n"
    "\n"
    "Example, in two terminals:\n"
    "  ftun-load sink --listen 127.0.0.1:5001 --echo\n"
    "  ftun-load crowd --to 127.0.0.1:5001 --flows 100K --rate 5000\n"
    "\n"
    "Exit status: 0 all flows were opened and nothing went astray, 1 not, 2 bad usage.\n";

enum { TRIES_MOST = 30 };

#define PATIENCE_NS UINT64_C(1000000000)

struct plan {
    struct address to;
    uint64_t flows;
    struct rate open_rate;
    struct rate rate;
    double seconds;
    double patience;
    struct size_range sizes;
};

struct flow {
    uint64_t sent_ns;
    uint32_t sequence; /* of the datagram sent last */
    bool awaited;
    bool open;
};

struct crowd {
    struct sources *sources;
    uint32_t size;
    uint32_t first_name;
    struct flow *flows;
    uint32_t flow_count;
    struct durations *durations;
    uint64_t opened;
    uint64_t asked_again;
    uint64_t sent;
    uint64_t answered;
    uint64_t lost;
    uint64_t astray;
    uint64_t last_opened_ns;
};

static void read_plan(const char *const words[], struct plan *plan)
{
    struct argument arguments[] = {
        {.name = "to", .read = argument_address, .target = &plan->to},
        {.name = "flows", .read = argument_count, .target = &plan->flows},
        {.name = "open-rate", .read = argument_rate, .target = &plan->open_rate},
        {.name = "rate", .read = argument_rate, .target = &plan->rate},
        {.name = "seconds", .read = argument_seconds, .target = &plan->seconds},
        {.name = "size", .read = argument_sizes, .target = &plan->sizes},
        {.name = "patience", .read = argument_seconds, .target = &plan->patience},
    };
    const size_t count = sizeof arguments / sizeof arguments[0];

    arguments_read(words, arguments, count, help);
    arguments_require(arguments, count, "to");
    if (plan->flows > SOURCES_MOST)
        fail_usage("--flows: at most 1048576");
    if (plan->sizes.least != plan->sizes.most || plan->sizes.least < STAMP_BYTES)
        fail_usage("--size: expected one size, of 24 bytes at least");
}

/* --- receiving ---------------------------------------------------------------------------- */

/* As warm-up: a sink keeps a tally of each flow of what is measured, which would be large. */
static const enum stamp_purpose purpose = STAMP_WARM_UP;

static bool is_flows_own(const struct crowd *crowd, const struct source_message *message,
                         struct stamp *stamp)
{
    return stamp_verify(message->data, message->length, stamp) == STAMP_INTACT &&
           message->source < crowd->flow_count &&
           stamp->flow == crowd->first_name + message->source;
}

static void take_echo(struct crowd *crowd, const struct source_message *message, uint64_t now_ns)
{
    struct stamp stamp;
    struct flow *flow;

    if (!is_flows_own(crowd, message, &stamp)) {
        crowd->astray++;
        return;
    }
    flow = &crowd->flows[message->source];
    if (flow->awaited && stamp.sequence == flow->sequence) { /* else too late: counted as lost */
        flow->awaited = false;
        crowd->answered++;
        durations_note(crowd->durations, now_ns - flow->sent_ns);
    }
    if (flow->open)
        return;
    flow->open = true;
    crowd->opened++;
    crowd->last_opened_ns = now_ns;
}

static void receive_all(struct crowd *crowd)
{
    unsigned count;

    do {
        count = sources_receive(crowd->sources);
        for (unsigned i = 0; i < count; i++) {
            const struct source_message message = sources_message(crowd->sources, i);

            take_echo(crowd, &message, clock_now_ns());
        }
    } while (count > 0);
}

/* Take echoes until that time. */
static void receive_until(struct crowd *crowd, uint64_t end_ns)
{
    uint64_t now_ns = clock_now_ns();

    receive_all(crowd);
    while (!stop_requested() && now_ns < end_ns) {
        struct pollfd ready = {.fd = sources_socket(crowd->sources), .events = POLLIN};
        const uint64_t left = end_ns - now_ns;
        const struct timespec patience = {.tv_sec = (time_t)(left / NANOSECONDS_PER_SECOND),
                                          .tv_nsec = (long)(left % NANOSECONDS_PER_SECOND)};

        if (ppoll(&ready, 1, &patience, NULL) > 0)
            receive_all(crowd);
        now_ns = clock_now_ns();
    }
}

/* --- sending ------------------------------------------------------------------------------ */

static void ask(struct crowd *crowd, uint32_t number)
{
    struct flow *flow = &crowd->flows[number];
    uint8_t *datagram = sources_next(crowd->sources, number, crowd->size);
    const struct stamp stamp =
        stamp_make(purpose, crowd->first_name + number, ++flow->sequence, crowd->size);

    memcpy(datagram, &stamp, STAMP_BYTES);
    memcpy(datagram + STAMP_BYTES, stamp_body(&stamp), crowd->size - STAMP_BYTES);
    flow->awaited = true;
    flow->sent_ns = clock_now_ns();
    crowd->sent++;
}

/* Send some datagrams that are due, at once, and wait until the next are. */
static void keep_pace(struct crowd *crowd, struct pace *pace, unsigned sent)
{
    sources_flush(crowd->sources);
    pace_charge(pace, sent, (uint64_t)sent * crowd->size);
    receive_until(crowd, (uint64_t)pace->due_ns);
    pace_wait(pace, UINT64_MAX);
}

/* Ask for each flow that is not open, once; at the pace that was planned. */
static void ask_unopened(struct crowd *crowd, const struct rate *rate)
{
    struct pace pace = pace_start(rate);
    const unsigned most = pace_burst(&pace, crowd->size, SOURCES_PER_CALL);
    unsigned sent = 0;

    for (uint32_t i = 0; i < crowd->flow_count && !stop_requested(); i++) {
        if (crowd->flows[i].open)
            continue;
        crowd->asked_again += crowd->flows[i].sequence > 0;
        ask(crowd, i);
        if (++sent < most)
            continue;
        keep_pace(crowd, &pace, sent);
        sent = 0;
    }
    keep_pace(crowd, &pace, sent);
}

static void wait_for_unopened(struct crowd *crowd)
{
    const uint64_t end_ns = clock_now_ns() + PATIENCE_NS;

    while (crowd->opened < crowd->flow_count && !stop_requested() && clock_now_ns() < end_ns)
        receive_until(crowd, clock_now_ns() + PATIENCE_NS / 100);
}

static void open_flows(struct crowd *crowd, const struct rate *rate)
{
    for (unsigned i = 0; i < TRIES_MOST && crowd->opened < crowd->flow_count; i++) {
        ask_unopened(crowd, rate);
        wait_for_unopened(crowd);
    }
}

static void wait_for_answers(struct crowd *crowd, double patience)
{
    const uint64_t end_ns = clock_now_ns() + clock_from_seconds(patience);

    while (crowd->answered + crowd->lost < crowd->sent && !stop_requested() &&
           clock_now_ns() < end_ns)
        receive_until(crowd, clock_now_ns() + PATIENCE_NS / 100);
}

static void ask_in_turn(struct crowd *crowd, const struct plan *plan)
{
    const uint64_t end_ns = clock_now_ns() + clock_from_seconds(plan->seconds);
    struct pace pace = pace_start(&plan->rate);
    const unsigned most = pace_burst(&pace, crowd->size, SOURCES_PER_CALL);
    unsigned sent = 0;

    for (uint32_t i = 0; crowd->opened > 0 && !stop_requested() && clock_now_ns() < end_ns;
         i = (i + 1) % crowd->flow_count) {
        struct flow *flow = &crowd->flows[i];

        if (flow->open) {
            crowd->lost += flow->awaited;
            ask(crowd, i);
            sent++;
        }
        if (sent < most && i + 1 < crowd->flow_count)
            continue;
        keep_pace(crowd, &pace, sent);
        sent = 0;
    }
    sources_flush(crowd->sources);
    wait_for_answers(crowd, plan->patience);
    for (uint32_t i = 0; i < crowd->flow_count; i++)
        crowd->lost += crowd->flows[i].awaited;
}

/* --- results ------------------------------------------------------------------------------ */

static void report_opening(struct crowd *crowd, uint64_t start_ns)
{
    const double seconds =
        crowd->opened > 0 ? clock_to_seconds(crowd->last_opened_ns - start_ns) : 0;

    json_count("flows", crowd->flow_count);
    json_count("opened", crowd->opened);
    json_count("asked_again", crowd->asked_again);
    json_number("opening_seconds", seconds);
    json_number("opened_per_second", seconds > 0 ? (double)crowd->opened / seconds : 0);
    json_number("opening_p50_us", durations_percentile_us(crowd->durations, 50));
    json_number("opening_p99_us", durations_percentile_us(crowd->durations, 99));
    json_number("opening_max_us", durations_percentile_us(crowd->durations, 100));
    fprintf(stderr, "%u of %u flows are open after %.3f s\n", (unsigned)crowd->opened,
            crowd->flow_count, seconds);
}

/* What opening has cost is not part of what follows. */
static void begin_count(struct crowd *crowd)
{
    for (uint32_t i = 0; i < crowd->flow_count; i++)
        crowd->flows[i].awaited = false;
    durations_clear(crowd->durations);
    crowd->sent = 0;
    crowd->answered = 0;
}

static void report_turns(struct crowd *crowd)
{
    json_count("sent", crowd->sent);
    json_count("answered", crowd->answered);
    json_count("lost", crowd->lost);
    json_count("astray", crowd->astray);
    json_number("p50_us", durations_percentile_us(crowd->durations, 50));
    json_number("p90_us", durations_percentile_us(crowd->durations, 90));
    json_number("p99_us", durations_percentile_us(crowd->durations, 99));
    json_number("max_us", durations_percentile_us(crowd->durations, 100));
}

int crowd_command(const char *const words[])
{
    struct plan plan = {
        .flows = 1000,
        .open_rate = {.datagrams_per_second = 20000},
        .rate = {.datagrams_per_second = 1000},
        .seconds = 10,
        .patience = 1,
        .sizes = {64, 64},
    };
    struct crowd crowd = {0};
    uint64_t start_ns;

    read_plan(words, &plan);
    stop_on_signals();
    clock_sleep_precisely();
    crowd.sources = sources_new(&plan.to);
    crowd.size = plan.sizes.least;
    crowd.first_name = stamp_draw_flow();
    crowd.flow_count = (uint32_t)plan.flows;
    crowd.flows = calloc(crowd.flow_count, sizeof *crowd.flows);
    crowd.durations = durations_new();
    if (!crowd.flows)
        fail("out of memory for flows");
    start_ns = clock_now_ns();
    open_flows(&crowd, &plan.open_rate);
    json_open(NULL);
    json_text("command", "crowd");
    report_opening(&crowd, start_ns);
    begin_count(&crowd);
    ask_in_turn(&crowd, &plan);
    report_turns(&crowd);
    json_close();
    sources_free(crowd.sources);
    durations_free(crowd.durations);
    free(crowd.flows);
    return crowd.opened == crowd.flow_count && crowd.astray == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
