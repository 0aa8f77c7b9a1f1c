#include "arguments.h"
#include "clock.h"
#include "fail.h"
#include "fate.h"
#include "json.h"
#include "port.h"
#include "queue.h"
#include "stop.h"

#include <linux/if_ether.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char help[] =
    "ftun-unruly: a cable between two network interfaces, with faults\n"
    "\n"
    "  --left DEVICE --right DEVICE   its ends\n"
    "  --drop P                       percent of the frames that are lost (default 0)\n"
    "  --double P                     percent that arrive twice\n"
    "  --hold P                       percent that are held back, so that others overtake them\n"
    "  --hold-ms T                    for up to so long (default 5)\n"
    "  --delay-ms T                   how long every frame takes (default 0)\n"
    "  --toward left|right|both       which frames meet these faults: those that travel toward "
    "one\n"
    "                                 end, or all (default both)\n"
    "  --seed N                       which frames meet which fault (default 1)\n"
    "\n"
    "Only TCP and UDP meet faults; neighbours find each other undisturbed. On the n-th frame of a\n"
    "direction, the same seed inflicts the same fault. Offloads have no place on a cable: at its\n"
    "far ends `ethtool -K DEVICE tx off tso off gso off`, at its own `gro off`.\n"
    "\n"
    "It ends on SIGTERM or SIGINT, and then prints one line of JSON: for each direction how many\n"
    "frames met no fault and how many were dropped, doubled and held.\n"
    "\n"
    "Examples:\n"
    "  ftun-unruly --left veth0 --right veth1 --drop 1 --seed 7\n"
    "  ftun-unruly --left veth0 --right veth1 --delay-ms 20 --hold 5 --hold-ms 40 --toward right\n"
    "\n"
    "Exit status: 0 ended as told, 1 it could not be done, 2 bad usage.\n";

/* The frames read from one end before the other has its turn. */
enum { FRAMES_A_TURN = 64 };

/* A direction is named after the end that it leads to. */
enum { LEFT, RIGHT, DIRECTIONS };

static const char *const names[DIRECTIONS] = {"left", "right"};

struct plan {
    const char *devices[DIRECTIONS];
    const char *toward;
    struct hazards hazards;
    uint64_t seed;
};

struct direction {
    int from;
    int to;
    struct dice dice;
    struct hazards hazards;
    uint64_t unharmed;
    uint64_t dropped;
    uint64_t doubled;
    uint64_t held;
};

static const char *read_percent(const char *text, void *target)
{
    double *percent = target;

    if (argument_seconds(text, percent) || *percent > 100)
        return "a percentage from 0 to 100, as 10 or 0.1";
    return NULL;
}

static const char *read_milliseconds(const char *text, void *target)
{
    double milliseconds;

    if (argument_seconds(text, &milliseconds))
        return "a time in milliseconds, as 20 or 0.5";
    *(uint64_t *)target = clock_from_seconds(milliseconds / 1000);
    return NULL;
}

static const char *read_direction(const char *text, void *target)
{
    if (strcmp(text, "left") != 0 && strcmp(text, "right") != 0 && strcmp(text, "both") != 0)
        return "left, right or both";
    return argument_text(text, target);
}

static struct plan read_plan(const char *const words[])
{
    struct plan plan = {.toward = "both", .seed = 1, .hazards.hold_ns = clock_from_seconds(0.005)};
    struct argument arguments[] = {
        {.name = "left", .read = argument_text, .target = &plan.devices[LEFT]},
        {.name = "right", .read = argument_text, .target = &plan.devices[RIGHT]},
        {.name = "drop", .read = read_percent, .target = &plan.hazards.drop},
        {.name = "double", .read = read_percent, .target = &plan.hazards.repeat},
        {.name = "hold", .read = read_percent, .target = &plan.hazards.hold},
        {.name = "hold-ms", .read = read_milliseconds, .target = &plan.hazards.hold_ns},
        {.name = "delay-ms", .read = read_milliseconds, .target = &plan.hazards.delay_ns},
        {.name = "toward", .read = read_direction, .target = &plan.toward},
        {.name = "seed", .read = argument_number, .target = &plan.seed},
    };
    const size_t count = sizeof arguments / sizeof arguments[0];

    arguments_read(words, arguments, count, help);
    arguments_require(arguments, count, "left");
    arguments_require(arguments, count, "right");
    return plan;
}

static void open_cable(const struct plan *plan, struct direction cable[DIRECTIONS])
{
    const int ports[DIRECTIONS] = {port_open(plan->devices[LEFT]), port_open(plan->devices[RIGHT])};

    for (unsigned i = 0; i < DIRECTIONS; i++) {
        const bool unruly = strcmp(plan->toward, names[!i]) != 0;

        cable[i] = (struct direction){.from = ports[!i],
                                      .to = ports[i],
                                      .dice = dice_of(plan->seed, i),
                                      .hazards = unruly ? plan->hazards : (struct hazards){0}};
    }
}

/* TCP or UDP, unless behind extension headers. */
static bool is_traffic(const uint8_t *frame, size_t length)
{
    const size_t ip = ETH_HLEN;
    const size_t ipv4_protocol = 9;
    const size_t ipv6_next_header = 6;
    uint8_t protocol;

    if (length < ip + sizeof(struct in6_addr) * 2)
        return false;
    if (frame[12] == ETH_P_IP >> 8 && frame[13] == (ETH_P_IP & 0xff))
        protocol = frame[ip + ipv4_protocol];
    else if (frame[12] == ETH_P_IPV6 >> 8 && frame[13] == (ETH_P_IPV6 & 0xff))
        protocol = frame[ip + ipv6_next_header];
    else
        return false;
    return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

static void count(struct direction *direction, const struct fate *fate)
{
    if (fate->dropped) {
        direction->dropped++;
        return;
    }
    direction->doubled += fate->repeated;
    direction->held += fate->held;
    direction->unharmed += !fate->repeated && !fate->held;
}

static void carry(struct direction *direction, uint64_t now_ns, const uint8_t *frame, size_t length,
                  struct queue *queue)
{
    struct fate fate;

    if (!is_traffic(frame, length)) {
        port_send(direction->to, frame, length);
        return;
    }
    fate = fate_of_next(&direction->dice, &direction->hazards);
    count(direction, &fate);
    if (fate.dropped)
        return;
    queue_add(queue, now_ns + fate.delay_ns, direction->to, frame, length);
    if (fate.repeated)
        queue_add(queue, now_ns + fate.delay_ns, direction->to, frame, length);
}

static void receive(struct direction *direction, struct queue *queue)
{
    uint8_t frame[FRAME_MOST];
    size_t length;

    for (int i = 0; i < FRAMES_A_TURN && (length = port_receive(direction->from, frame)) > 0; i++)
        carry(direction, clock_now_ns(), frame, length, queue);
}

static void send_due(struct queue *queue)
{
    const uint64_t now_ns = clock_now_ns();
    const struct frame *frame;

    while ((frame = queue_first(queue)) && frame->due_ns <= now_ns) {
        port_send(frame->to, frame->bytes, frame->length);
        queue_remove_first(queue);
    }
}

static void wait_for_work(const struct direction cable[DIRECTIONS], const struct queue *queue)
{
    const struct frame *next = queue_first(queue);
    const uint64_t now_ns = clock_now_ns();
    /* A signal between two waits would otherwise be noticed at the next frame only. */
    const uint64_t latest_ns = now_ns + NANOSECONDS_PER_SECOND;
    const uint64_t due_ns = next && next->due_ns < latest_ns ? next->due_ns : latest_ns;
    const uint64_t rest_ns = due_ns > now_ns ? due_ns - now_ns : 0;
    const struct timespec rest = {.tv_sec = (time_t)(rest_ns / NANOSECONDS_PER_SECOND),
                                  .tv_nsec = (long)(rest_ns % NANOSECONDS_PER_SECOND)};
    struct pollfd ends[DIRECTIONS] = {{.fd = cable[LEFT].from, .events = POLLIN},
                                      {.fd = cable[RIGHT].from, .events = POLLIN}};

    ppoll(ends, DIRECTIONS, &rest, NULL);
}

static void report(const struct direction cable[DIRECTIONS])
{
    json_open(NULL);
    for (unsigned i = 0; i < DIRECTIONS; i++) {
        json_open(names[i]);
        json_count("unharmed", cable[i].unharmed);
        json_count("dropped", cable[i].dropped);
        json_count("doubled", cable[i].doubled);
        json_count("held", cable[i].held);
        json_close();
    }
    json_close();
}

int main(int number, char *words[])
{
    const struct plan plan = read_plan((const char *const *)words + (number > 0));
    struct queue *queue = queue_new();
    struct direction cable[DIRECTIONS];

    open_cable(&plan, cable);
    stop_on_signals();
    clock_sleep_precisely();
    fprintf(stderr, "ftun-unruly: forwarding between %s and %s\n", plan.devices[LEFT],
            plan.devices[RIGHT]);
    while (!stop_requested()) {
        wait_for_work(cable, queue);
        receive(&cable[LEFT], queue);
        receive(&cable[RIGHT], queue);
        send_due(queue);
    }
    report(cable);
    queue_free(queue);
    return EXIT_SUCCESS;
}
