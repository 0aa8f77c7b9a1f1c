#include "address.h"
#include "arguments.h"
#include "clock.h"
#include "commands.h"
#include "durations.h"
#include "fail.h"
#include "json.h"
#include "pattern.h"
#include "stamp.h"
#include "stop.h"
#include "udp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char help[] =
    "ftun-load echo: send a datagram, wait for its echo, send the next; how long does each take?\n"
    "\n"
    "  --to ADDRESS:PORT   a ftun-load sink --echo, or anything else that echoes\n"
    "  --count N           so many datagrams (default 10000)\n"
    "  --size N            bytes in a datagram, 24 at least (default 64)\n"
    "  --interval-us U     pause so many microseconds after each echo (default 0)\n"
    "  --warm-up S         do the same for so many seconds before, unmeasured\n"
    "  --patience S        an echo that takes longer is lost (default 1)\n"
    "\n"
    "It prints one line of JSON, times in microseconds: p50 is the time that half of the echoes\n"
    "stayed below.\n"
    "\n"
    "Example, in two terminals:\n"
    "  ftun-load sink --listen 127.0.0.1:5001 --echo\n"
    "  ftun-load echo --to 127.0.0.1:5001 --count 10000 --size 1400\n"
    "\n"
    "Exit status: 0 measured, 1 it could not or no echo came, 2 bad usage.\n";

struct plan {
    struct address to;
    uint64_t count;
    struct size_range sizes;
    uint64_t interval_us;
    double warm_up;
    double patience;
};

struct pinger {
    int socket;
    uint32_t size;
    uint32_t flow;
    uint64_t patience_ns;
    uint64_t sequence;
    uint64_t lost;
    uint64_t corrupted;
    struct durations *times; /* of the echoes that came */
    uint8_t datagram[PATTERN_SLICE_MOST];
};

static void read_plan(const char *const words[], struct plan *plan)
{
    struct argument arguments[] = {
        {.name = "to", .read = argument_address, .target = &plan->to},
        {.name = "count", .read = argument_count, .target = &plan->count},
        {.name = "size", .read = argument_sizes, .target = &plan->sizes},
        {.name = "interval-us", .read = argument_number, .target = &plan->interval_us},
        {.name = "warm-up", .read = argument_seconds, .target = &plan->warm_up},
        {.name = "patience", .read = argument_seconds, .target = &plan->patience},
    };
    const size_t count = sizeof arguments / sizeof arguments[0];

    arguments_read(words, arguments, count, help);
    arguments_require(arguments, count, "to");
    if (plan->sizes.least != plan->sizes.most || plan->sizes.least < STAMP_BYTES)
        fail_usage("--size: expected one size, of 24 bytes at least");
}

/* Nothing listens there yet, or the tunnel is not up yet: that is a lost echo, not the end. */
static bool is_passing(int error)
{
    return error == ECONNREFUSED || error == EAGAIN || error == EINTR || error == ENOBUFS ||
           error == ENETUNREACH || error == EHOSTUNREACH;
}

static bool send_ping(struct pinger *pinger)
{
    const struct stamp stamp =
        stamp_make(STAMP_MEASURED, pinger->flow, pinger->sequence, pinger->size);

    memcpy(pinger->datagram, &stamp, STAMP_BYTES);
    memcpy(pinger->datagram + STAMP_BYTES, stamp_body(&stamp), pinger->size - STAMP_BYTES);
    if (send(pinger->socket, pinger->datagram, pinger->size, 0) >= 0)
        return true;
    if (!is_passing(errno))
        fail("cannot send: %s", strerror(errno));
    return false;
}

/* Is it the echo awaited, rather than a late one or a damaged one? */
static bool is_awaited(struct pinger *pinger, size_t length)
{
    struct stamp stamp;

    if (stamp_verify(pinger->datagram, length, &stamp) != STAMP_INTACT) {
        pinger->corrupted++;
        return false;
    }
    return stamp.flow == pinger->flow && stamp.sequence == pinger->sequence;
}

static bool await_echo(struct pinger *pinger, uint64_t deadline_ns)
{
    while (!stop_requested() && clock_now_ns() < deadline_ns) {
        const ssize_t length = recv(pinger->socket, pinger->datagram, sizeof pinger->datagram, 0);

        if (length >= 0 && is_awaited(pinger, (size_t)length))
            return true;
        if (length < 0 && !is_passing(errno))
            fail("cannot receive: %s", strerror(errno));
    }
    return false;
}

static void ping(struct pinger *pinger)
{
    const uint64_t start_ns = clock_now_ns();
    const uint64_t deadline_ns = start_ns + pinger->patience_ns;
    const bool echoed = send_ping(pinger) && await_echo(pinger, deadline_ns);

    pinger->sequence++;
    if (echoed) {
        durations_note(pinger->times, clock_now_ns() - start_ns);
        return;
    }
    if (stop_requested())
        return;
    pinger->lost++;
    clock_sleep_until(deadline_ns);
}

static void pause_between(const struct plan *plan)
{
    if (plan->interval_us > 0)
        clock_sleep_until(clock_now_ns() + plan->interval_us * 1000);
}

static void warm_up(struct pinger *pinger, const struct plan *plan)
{
    const uint64_t end_ns = clock_now_ns() + clock_from_seconds(plan->warm_up);

    while (!stop_requested() && clock_now_ns() < end_ns) {
        ping(pinger);
        durations_clear(pinger->times);
        pause_between(plan);
    }
    pinger->lost = 0;
    pinger->corrupted = 0;
}

static void ping_all(struct pinger *pinger, const struct plan *plan)
{
    for (uint64_t i = 0; i < plan->count && !stop_requested(); i++) {
        ping(pinger);
        pause_between(plan);
    }
}

/* The whole distribution: p1_us to p100_us would be many members among the few that people read. */
static void report_percentiles(struct pinger *pinger)
{
    char name[12];

    json_open("percentiles_us");
    for (unsigned percent = 1; percent <= 100; percent++) {
        snprintf(name, sizeof name, "%u", percent);
        json_number(name, durations_percentile_us(pinger->times, percent));
    }
    json_close();
}

static void report(struct pinger *pinger)
{
    const size_t echoed = durations_count(pinger->times);

    json_open(NULL);
    json_text("command", "echo");
    json_count("size", pinger->size);
    json_count("sent", echoed + pinger->lost);
    json_count("echoed", echoed);
    json_count("lost", pinger->lost);
    json_count("corrupted", pinger->corrupted);
    json_number("p50_us", durations_percentile_us(pinger->times, 50));
    json_number("p90_us", durations_percentile_us(pinger->times, 90));
    json_number("p99_us", durations_percentile_us(pinger->times, 99));
    report_percentiles(pinger);
    json_number("max_us", durations_percentile_us(pinger->times, 100));
    json_close();
}

static struct pinger *open_pinger(const struct plan *plan)
{
    struct pinger *pinger = calloc(1, sizeof *pinger);

    if (!pinger)
        fail("out of memory");
    pinger->times = durations_new();
    pinger->size = plan->sizes.least;
    pinger->flow = stamp_draw_flow();
    pinger->socket = udp_connect(&plan->to);
    pinger->patience_ns = clock_from_seconds(plan->patience);
    return pinger;
}

static void close_pinger(struct pinger *pinger)
{
    close(pinger->socket);
    durations_free(pinger->times);
    free(pinger);
}

int echo_command(const char *const words[])
{
    struct plan plan = {.count = 10000, .sizes = {64, 64}, .patience = 1};
    struct pinger *pinger;
    bool any;

    read_plan(words, &plan);
    stop_on_signals();
    clock_sleep_precisely();
    pinger = open_pinger(&plan);
    warm_up(pinger, &plan);
    ping_all(pinger, &plan);
    report(pinger);
    any = durations_count(pinger->times) > 0;
    close_pinger(pinger);
    return any ? EXIT_SUCCESS : EXIT_FAILURE;
}
