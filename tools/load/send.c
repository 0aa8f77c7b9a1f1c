#include "address.h"
#include "arguments.h"
#include "clock.h"
#include "commands.h"
#include "fail.h"
#include "json.h"
#include "machine.h"
#include "pace.h"
#include "stop.h"
#include "transmit.h"
#include "udp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "ftun-load send: send datagrams that ftun-load sink can verify\n"
    "\n"
    "  --to ADDRESS:PORT   where to: 192.0.2.1:5001 or [2001:db8::1]:5001\n"
    "  --mode MODE         single  one send() a datagram (default)\n"
    "                      mmsg    sendmmsg() of up to 64 datagrams\n"
    "                      gso     up to 64 datagrams or 64 KB in a buffer that the kernel cuts\n"
    "  --size N|MIN-MAX    bytes in a datagram, 24 at least (default 1400). From a range each has\n"
    "                      a random size; with gso each burst has, and its last may be shorter\n"
    "  --flows N           so many sockets, in turn (default 1)\n"
    "  --seconds S         end after so many seconds (default 10)\n"
    "  --count N           end after so many datagrams, if that is earlier\n"
    "  --rate R            so many datagrams a second, or with K, M, G bits of payload a second;\n"
    "                      as fast as possible without it\n"
    "  --warm-up S         send for so long before, on the same flows, unmeasured\n"
    "\n"
    "It prints one line of JSON: datagrams, bytes, calls and seconds; errors by kind, which do\n"
    "not end it; machine_busy_seconds: how long all processors together worked meanwhile.\n"
    "\n"
    "Examples:\n"
    "  ftun-load send --to 127.0.0.1:5001 --mode gso --seconds 3\n"
    "  ftun-load send --to '[::1]:5001' --mode mmsg --size 64-1400 --flows 16 --count 10M\n"
    "  ftun-load send --to 127.0.0.1:5001 --rate 1.5G --seconds 60\n"
    "\n"
    "Exit status: 0 sent, 1 it could not, 2 bad usage.\n";

enum { BURST_MOST = UDP_BURST_DATAGRAMS_MOST };

/* After a warm-up, what it left in queues on the way has so long to drain. */
static const double drain_seconds = 0.05;

/* After an error that more haste does not help. */
enum { REST_NS = 100000 };

struct plan {
    struct address to;
    enum transmit_mode mode;
    struct size_range sizes;
    uint64_t flows;
    double seconds;
    uint64_t count;
    struct rate rate;
    double warm_up;
};

struct errors {
    uint64_t no_buffers;
    uint64_t again;
    uint64_t refused;
    uint64_t unreachable;
    uint64_t not_permitted;
};

struct sender {
    struct transmitter *transmitter;
    struct transmit_flow *flows;
    size_t flow_count;
    uint32_t mean_size;
    uint64_t calls;
    uint64_t datagrams;
    uint64_t bytes;
    uint64_t elapsed_ns;
    struct errors errors;
};

static const char *const mode_names[] = {
    [TRANSMIT_SINGLE] = "single",
    [TRANSMIT_MMSG] = "mmsg",
    [TRANSMIT_GSO] = "gso",
};

static const char *read_mode(const char *text, void *target)
{
    for (size_t i = 0; i < sizeof mode_names / sizeof mode_names[0]; i++) {
        if (strcmp(text, mode_names[i]) != 0)
            continue;
        *(enum transmit_mode *)target = (enum transmit_mode)i;
        return NULL;
    }
    return "single, mmsg or gso";
}

static void read_plan(const char *const words[], struct plan *plan)
{
    struct argument arguments[] = {
        {.name = "to", .read = argument_address, .target = &plan->to},
        {.name = "mode", .read = read_mode, .target = &plan->mode},
        {.name = "size", .read = argument_sizes, .target = &plan->sizes},
        {.name = "flows", .read = argument_flows, .target = &plan->flows},
        {.name = "seconds", .read = argument_seconds, .target = &plan->seconds},
        {.name = "count", .read = argument_count, .target = &plan->count},
        {.name = "rate", .read = argument_rate, .target = &plan->rate},
        {.name = "warm-up", .read = argument_seconds, .target = &plan->warm_up},
    };
    const size_t count = sizeof arguments / sizeof arguments[0];

    arguments_read(words, arguments, count, help);
    arguments_require(arguments, count, "to");
    if (plan->sizes.least < STAMP_BYTES)
        fail_usage("--size: a datagram has room for its stamp from 24 bytes on");
}

static struct sender open_sender(const struct plan *plan)
{
    const uint32_t first_name = stamp_draw_flow();
    struct sender sender = {
        .transmitter = transmitter_new(plan->mode, plan->sizes),
        .flows = calloc(plan->flows, sizeof *sender.flows),
        .flow_count = plan->flows,
        .mean_size = (plan->sizes.least + plan->sizes.most) / 2,
    };

    if (!sender.flows)
        fail("out of memory for flows");
    udp_allow_many_sockets();
    for (size_t i = 0; i < sender.flow_count; i++) {
        sender.flows[i].socket = udp_connect(&plan->to);
        sender.flows[i].name = first_name + (uint32_t)i;
    }
    return sender;
}

static void close_sender(struct sender *sender)
{
    for (size_t i = 0; i < sender->flow_count; i++)
        close(sender->flows[i].socket);
    free(sender->flows);
    transmitter_free(sender->transmitter);
}

static void rest(void)
{
    clock_sleep_until(clock_now_ns() + REST_NS);
}

static void note_error(struct errors *errors, int error)
{
    switch (error) {
    case EINTR:
        return;
    case ECONNREFUSED: /* the answer to an earlier datagram; this one may well pass */
        errors->refused++;
        return;
    case ENOBUFS:
        errors->no_buffers++;
        break;
    case EAGAIN:
        errors->again++;
        break;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
        errors->unreachable++;
        break;
    case EPERM: /* a firewall's answer */
        errors->not_permitted++;
        break;
    default:
        fail("cannot send: %s%s", strerror(error),
             error == EINVAL || error == EMSGSIZE ? " (datagrams too large for the path?)" : "");
    }
    rest();
}

static void send_some(struct sender *sender, struct transmit_flow *flow, struct pace *pace,
                      enum stamp_purpose purpose, uint64_t left)
{
    const unsigned smooth = pace_burst(pace, sender->mean_size, BURST_MOST);
    const struct transmitted done =
        transmit(sender->transmitter, flow, purpose, left < smooth ? (unsigned)left : smooth);

    sender->calls++;
    sender->datagrams += done.datagrams;
    sender->bytes += done.bytes;
    pace_charge(pace, done.datagrams, done.bytes);
    if (done.error != 0)
        note_error(&sender->errors, done.error);
}

static void send_phase(struct sender *sender, const struct rate *rate, enum stamp_purpose purpose,
                       double seconds, uint64_t count)
{
    const uint64_t start_ns = clock_now_ns();
    const uint64_t end_ns = start_ns + clock_from_seconds(seconds);
    struct pace pace = pace_start(rate);

    for (size_t turn = 0;; turn = (turn + 1) % sender->flow_count) {
        pace_wait(&pace, end_ns);
        if (stop_requested() || sender->datagrams >= count || clock_now_ns() >= end_ns)
            break;
        send_some(sender, &sender->flows[turn], &pace, purpose, count - sender->datagrams);
    }
    sender->elapsed_ns = clock_now_ns() - start_ns;
}

static void warm_up(struct sender *sender, const struct plan *plan)
{
    if (plan->warm_up <= 0)
        return;
    send_phase(sender, &plan->rate, STAMP_WARM_UP, plan->warm_up, UINT64_MAX);
    clock_sleep_until(clock_now_ns() + clock_from_seconds(drain_seconds));
    for (size_t i = 0; i < sender->flow_count; i++)
        sender->flows[i].next_sequence = 0;
    sender->calls = 0;
    sender->datagrams = 0;
    sender->bytes = 0;
    sender->errors = (struct errors){0};
}

static void report_errors(const struct errors *errors)
{
    json_open("errors");
    json_count("no_buffers", errors->no_buffers);
    json_count("again", errors->again);
    json_count("refused", errors->refused);
    json_count("unreachable", errors->unreachable);
    json_count("not_permitted", errors->not_permitted);
    json_close();
}

static void report(const struct plan *plan, const struct sender *sender, double busy_seconds)
{
    const double seconds = clock_to_seconds(sender->elapsed_ns);

    json_open(NULL);
    json_text("command", "send");
    json_text("mode", mode_names[plan->mode]);
    json_count("flows", plan->flows);
    json_count("datagrams", sender->datagrams);
    json_count("bytes", sender->bytes);
    json_count("calls", sender->calls);
    json_number("seconds", seconds);
    json_number("gbit_per_second", seconds > 0 ? 8e-9 * (double)sender->bytes / seconds : 0);
    json_number("machine_busy_seconds", busy_seconds);
    report_errors(&sender->errors);
    json_close();
}

int send_command(const char *const words[])
{
    struct plan plan = {
        .sizes = {1400, 1400},
        .flows = 1,
        .seconds = 10,
        .count = UINT64_MAX,
    };
    struct sender sender;
    double busy_before;

    read_plan(words, &plan);
    stop_on_signals();
    clock_sleep_precisely();
    sender = open_sender(&plan);
    warm_up(&sender, &plan);
    busy_before = machine_busy_seconds();
    send_phase(&sender, &plan.rate, STAMP_MEASURED, plan.seconds, plan.count);
    report(&plan, &sender, machine_busy_seconds() - busy_before);
    close_sender(&sender);
    return EXIT_SUCCESS;
}
