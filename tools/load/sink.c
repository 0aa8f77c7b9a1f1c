#include "address.h"
#include "arguments.h"
#include "batch.h"
#include "clock.h"
#include "commands.h"
#include "fail.h"
#include "json.h"
#include "reply.h"
#include "stamp.h"
#include "stop.h"
#include "tally.h"
#include "udp.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char help[] =
    "ftun-load sink: receive the datagrams of ftun-load send and verify every byte of each\n"
    "\n"
    "  --listen ADDRESS:PORT   where to receive: 127.0.0.1:5001, [::1]:5001, 0.0.0.0:5001\n"
    "  --echo                  send each datagram back to where it came from\n"
    "  --echo-up-to N          with --echo: only what has at most N bytes\n"
    "  --seconds S             end after so many seconds\n"
    "  --silent-for S          end when datagrams came, and then none for so many seconds\n"
    "\n"
    "It ends on SIGTERM or SIGINT at the latest, and then prints one line of JSON:\n"
    "  datagrams, bytes        what came, faulty or not; warm-up datagrams are counted apart\n"
    "  flows                   how many flows it came on\n"
    "  lost                    never came, but later ones of their flow did. What is missing\n"
    "                          at the end of a flow only the sender can know\n"
    "  reordered, duplicated   came after a later one; came again\n"
    "  corrupted               came with other content or another length than they left with;\n"
    "                          of these, `cut` are shorter and `merged` longer, but else right\n"
    "  seconds                 from the first to the last arrival\n"
    "  gbit_per_second         payload over that time\n"
    "  per_receive_call        datagrams that a receive call brought, on average\n"
    "  socket_dropped          what the sink's own receive buffer had no room for: single\n"
    "                          datagrams, or bursts that came glued together\n"
    "\n"
    "Examples:\n"
    "  ftun-load sink --listen 127.0.0.1:5001 --silent-for 1\n"
    "  ftun-load sink --listen [::]:5001 --echo --seconds 60\n"
    "\n"
    "Exit status: 0 whatever arrived, the figures are the result; 1 it cannot receive;\n"
    "2 bad usage.\n";

/* Enough to make the calls few, and few enough for what they bring to stay in the processor's
 * cache. */
enum { MESSAGES_PER_CALL = 16 };

struct plan {
    struct address listen;
    bool echo;
    uint64_t echo_up_to;
    double seconds;
    double silent_for;
};

struct sink {
    int socket;
    struct batch *batch;
    struct reply *reply; /* null unless echoing */
    struct tally *tally;
    uint64_t receive_calls;
    uint64_t datagrams;
    uint64_t bytes;
    uint64_t warm_up_datagrams;
    uint64_t corrupted;
    uint64_t cut;
    uint64_t merged;
    uint64_t first_ns;
    uint64_t last_ns;
};

static void read_plan(const char *const words[], struct plan *plan)
{
    struct argument arguments[] = {
        {.name = "listen", .read = argument_address, .target = &plan->listen},
        {.name = "echo", .target = &plan->echo},
        {.name = "echo-up-to", .read = argument_count, .target = &plan->echo_up_to},
        {.name = "seconds", .read = argument_seconds, .target = &plan->seconds},
        {.name = "silent-for", .read = argument_seconds, .target = &plan->silent_for},
    };
    const size_t count = sizeof arguments / sizeof arguments[0];

    arguments_read(words, arguments, count, help);
    arguments_require(arguments, count, "listen");
}

static void count_damaged(struct sink *sink, enum stamp_verdict verdict)
{
    sink->corrupted++;
    sink->cut += verdict == STAMP_CUT;
    sink->merged += verdict == STAMP_MERGED;
}

/* A damaged datagram whose stamp is right did arrive, and is not lost as well. */
static void take_stamped(struct sink *sink, const struct stamp *stamp, size_t length)
{
    if (stamp_purpose(stamp) == STAMP_WARM_UP) {
        sink->warm_up_datagrams++;
        return;
    }
    sink->datagrams++;
    sink->bytes += length;
    if (!tally_note(sink->tally, stamp->flow, stamp->sequence))
        sink->corrupted++;
}

static void take_datagram(struct sink *sink, const uint8_t *datagram, size_t length)
{
    struct stamp stamp;
    const enum stamp_verdict verdict = stamp_verify(datagram, length, &stamp);

    if (verdict != STAMP_INTACT)
        count_damaged(sink, verdict);
    if (verdict != STAMP_UNREADABLE) {
        take_stamped(sink, &stamp, length);
        return;
    }
    sink->datagrams++;
    sink->bytes += length;
}

static void take_message(struct sink *sink, const struct arrival *arrival)
{
    for (size_t at = 0; at < arrival->length; at += arrival->stride) {
        const size_t left = arrival->length - at;

        take_datagram(sink, arrival->data + at, left < arrival->stride ? left : arrival->stride);
    }
    if (arrival->length == 0)
        take_datagram(sink, arrival->data, 0);
}

/* The echo goes first: the time that verifying takes is not the network's. */
static void take_batch(struct sink *sink, unsigned messages, uint64_t now_ns)
{
    const uint64_t datagrams_before = sink->datagrams;

    if (sink->reply)
        reply_send(sink->reply, sink->socket, sink->batch, messages);
    for (unsigned i = 0; i < messages; i++) {
        const struct arrival arrival = batch_arrival(sink->batch, i);

        take_message(sink, &arrival);
    }
    if (sink->datagrams == datagrams_before)
        return;
    sink->receive_calls++;
    sink->last_ns = now_ns;
    if (sink->first_ns == 0)
        sink->first_ns = now_ns;
}

static bool is_over(const struct plan *plan, const struct sink *sink, uint64_t start_ns)
{
    const uint64_t now_ns = clock_now_ns();

    if (plan->seconds > 0 && now_ns - start_ns >= clock_from_seconds(plan->seconds))
        return true;
    return plan->silent_for > 0 && sink->last_ns != 0 &&
           now_ns - sink->last_ns >= clock_from_seconds(plan->silent_for);
}

static void receive_all(const struct plan *plan, struct sink *sink)
{
    const uint64_t start_ns = clock_now_ns();

    while (!stop_requested() && !is_over(plan, sink, start_ns)) {
        const unsigned messages = batch_receive(sink->batch, sink->socket, MSG_WAITFORONE);

        if (messages > 0)
            take_batch(sink, messages, clock_now_ns());
    }
}

static double divided(double dividend, double divisor)
{
    return divisor > 0 ? dividend / divisor : 0;
}

static void report(const struct sink *sink)
{
    const struct tally_sum sum = tally_sum(sink->tally);
    const double seconds = clock_to_seconds(sink->last_ns - sink->first_ns);

    json_open(NULL);
    json_text("command", "sink");
    json_count("datagrams", sink->datagrams);
    json_count("bytes", sink->bytes);
    json_count("flows", sum.flows);
    json_count("lost", sum.lost);
    json_count("duplicated", sum.duplicated);
    json_count("reordered", sum.reordered);
    json_count("corrupted", sink->corrupted);
    json_count("cut", sink->cut);
    json_count("merged", sink->merged);
    json_count("warm_up_datagrams", sink->warm_up_datagrams);
    json_count("socket_dropped", udp_dropped(sink->socket));
    json_number("seconds", seconds);
    json_number("gbit_per_second", divided(8e-9 * (double)sink->bytes, seconds));
    json_number("per_receive_call", divided((double)sink->datagrams, (double)sink->receive_calls));
    json_close();
}

static void announce(int socket)
{
    struct address bound = {.length = sizeof bound.storage};
    char text[ADDRESS_TEXT_ROOM];

    getsockname(socket, (struct sockaddr *)&bound.storage, &bound.length);
    address_format(&bound, text);
    fprintf(stderr, "listening on %s\n", text);
}

static struct sink open_sink(const struct plan *plan)
{
    struct sink sink = {
        .socket = udp_listen(&plan->listen),
        .batch = batch_new(MESSAGES_PER_CALL),
        .reply = plan->echo ? reply_new(plan->echo_up_to) : NULL,
        .tally = tally_new(),
    };

    if (!sink.batch)
        fail("out of memory for received datagrams");
    udp_receive_glued(sink.socket);
    return sink;
}

static void close_sink(struct sink *sink)
{
    close(sink->socket);
    batch_free(sink->batch);
    reply_free(sink->reply);
    tally_free(sink->tally);
}

int sink_command(const char *const words[])
{
    struct plan plan = {.echo_up_to = SIZE_MAX};
    struct sink sink;

    read_plan(words, &plan);
    stop_on_signals();
    sink = open_sink(&plan);
    announce(sink.socket);
    receive_all(&plan, &sink);
    report(&sink);
    close_sink(&sink);
    return EXIT_SUCCESS;
}
