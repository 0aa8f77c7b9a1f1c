/* ftun-exhaustive: every order in which the packets of a short conversation can arrive, be lost or
 * doubled, and timers run out, up to a depth. */
#include "memory.h"
#include "pair.h"
#include "visited.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum exit_code { EXIT_HELD, EXIT_VIOLATED, EXIT_USAGE };

enum { DEPTH_MIN = 2, DEPTH_MAX = 64, DEPTH_DEFAULT = 9, START_STEPS_MAX = 12 };

/* Where walks begin: after some steps in which nothing goes wrong. */
struct start {
    const char *name;
    uint32_t shorter; /* by so many steps: there are more orders in which more packets can come */
    uint32_t step_count;
    struct pair_step steps[START_STEPS_MAX];
};

static const struct start starts[] = {
    {.name = "closed"},
    {.name = "established",
     .shorter = 2,
     .step_count = 5,
     .steps = {{PAIR_CLIENT_SENDS, 0},
               {PAIR_DELIVER, 0},
               {PAIR_DELIVER, 0},
               {PAIR_DELIVER, 0},
               {PAIR_DELIVER, 0}}},
    {.name = "closing",
     .shorter = 2,
     .step_count = 9,
     .steps = {{PAIR_CLIENT_SENDS, 0},
               {PAIR_DELIVER, 0},
               {PAIR_DELIVER, 0},
               {PAIR_DELIVER, 0},
               {PAIR_DELIVER, 0},
               {PAIR_SERVER_SENDS, 0},
               {PAIR_DELIVER, 0},
               {PAIR_CLIENT_CLOSES, 0},
               {PAIR_DELIVER, 0}}},
};

struct search {
    struct pair_walk walk;
    struct pair *saved; /* one for each depth */
    struct visited visited;
    struct pair_step path[DEPTH_MAX];
    uint32_t depth;     /* steps done */
    uint32_t depth_max; /* steps allowed */
    uint64_t transitions;
    const struct start *start;
    bool outlook; /* the violation came when looking ahead */
};

static const struct pair_budget budget = {
    .sends = {2, 1}, .closes = {1, 1}, .duplicates = 1, .deaths = 1};

static const char help[] =
    "usage: ftun-exhaustive [--depth N] [--break RULE]\n"
    "Walk through all interleavings of handshake, first data and close of two ftun endpoints.\n"
    "\n"
    "  --depth N     steps of each walk (default 9)\n"
    "  --break RULE  break a rule on purpose, to see it noticed: duplicate, leak, silence\n"
    "  --help        print this\n"
    "\n"
    "There are three walks: from where nothing has been said; from an established connection and\n"
    "from one that the client has begun to close, both two steps shorter.\n"
    "\n"
    "A step: a packet in flight arrives, is lost or is doubled (once a walk); time moves to the\n"
    "next deadline; the client sends (two datagrams) or closes; the server sends (one), closes, "
    "or\n"
    "dies and comes back, having forgotten all (once)\n"
    "After each step the network becomes perfect, to see that the conversation goes on and ends.\n"
    "\n"
    "example: ftun-exhaustive --depth 12\n"
    "exit code: 0 all held, 1 something did not (the steps are printed), 2 usage\n";

/* --- the walk ----------------------------------------------------------------------------- */

static void look_ahead(struct search *search)
{
    struct pair *now = &search->saved[search->depth];
    *now = search->walk.pair;
    pair_check_outlook(&search->walk);
    search->outlook = search->walk.report.violated;
    search->walk.pair = *now;
}

static void explore(struct search *search);

static void try_step(struct search *search, struct pair_step step)
{
    if (search->walk.report.violated || !pair_may(&search->walk, step))
        return;
    struct pair *before = &search->saved[search->depth];
    *before = search->walk.pair;
    search->path[search->depth++] = step;
    search->transitions++;
    pair_do(&search->walk, step);
    pair_check(&search->walk);
    if (!search->walk.report.violated)
        explore(search);
    if (search->walk.report.violated)
        return;
    search->depth--;
    search->walk.pair = *before;
}

static void explore(struct search *search)
{
    const uint64_t digest = pair_digest(&search->walk.pair);
    const enum visited_news news =
        visited_note(&search->visited, digest, search->depth_max - search->depth + 1);
    if (news == VISITED_OLD)
        return;
    if (news == VISITED_NEW)
        look_ahead(search);
    if (search->depth == search->depth_max)
        return;
    for (unsigned kind = PAIR_DELIVER; kind <= PAIR_DUPLICATE; kind++)
        for (uint32_t packet = 0; packet < search->walk.pair.flight_count; packet++)
            try_step(search, (struct pair_step){(enum pair_step_kind)kind, packet});
    for (unsigned kind = PAIR_TIME_OUT; kind <= PAIR_SERVER_DIES; kind++)
        try_step(search, (struct pair_step){(enum pair_step_kind)kind, 0});
}

/* --- what it says ------------------------------------------------------------------------- */

static void begin(struct search *search)
{
    pair_start(&search->walk, &budget);
    for (uint32_t i = 0; i < search->start->step_count && !search->walk.report.violated; i++)
        pair_do(&search->walk, search->start->steps[i]);
}

/* The same walk again, with every packet. */
static void say_path(struct search *search)
{
    char text[sizeof search->walk.report.text];
    memcpy(text, search->walk.report.text, sizeof text);
    search->walk.report.violated = false;
    search->walk.trace = true;
    begin(search);
    for (uint32_t i = 0; i < search->depth; i++) {
        printf("%s", pair_step_name(search->path[i].kind));
        if (search->path[i].kind <= PAIR_DUPLICATE)
            printf(" %u of %u", search->path[i].packet + 1, search->walk.pair.flight_count);
        printf("\n");
        pair_do(&search->walk, search->path[i]);
    }
    if (search->outlook) {
        printf("from here on the network is perfect\n");
        pair_check_outlook(&search->walk);
    }
    fflush(stdout);
    fprintf(stderr, "%u steps after '%s': %s\n", search->depth, search->start->name, text);
}

/* Of this process alone, whatever else the machine does. */
static double cpu_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static bool run(const struct start *from, uint32_t depth, enum pair_breakage breakage)
{
    const double start = cpu_seconds();
    struct search *search = sim_allocate(sizeof *search);
    search->saved = sim_allocate((depth + 1) * sizeof *search->saved);
    search->depth_max = depth;
    search->start = from;
    search->walk.breakage = breakage;
    begin(search);
    if (!search->walk.report.violated)
        explore(search);
    const bool held = !search->walk.report.violated;
    if (!held)
        say_path(search);
    printf("from %s, depth %u: %zu states, %" PRIu64 " transitions, %.1f s of one core\n",
           from->name, depth, search->visited.count, search->transitions, cpu_seconds() - start);
    visited_free(&search->visited);
    free(search->saved);
    free(search);
    return held;
}

/* --- options ------------------------------------------------------------------------------ */

static uint32_t read_depth(const char *text)
{
    char *end;
    const unsigned long depth = strtoul(text, &end, 10);
    if (*text >= '0' && *text <= '9' && *end == '\0' && depth >= DEPTH_MIN && depth <= DEPTH_MAX)
        return (uint32_t)depth;
    fprintf(stderr, "ftun-exhaustive: --depth wants a number from %d to %d, not '%s'\n", DEPTH_MIN,
            DEPTH_MAX, text);
    exit(EXIT_USAGE);
}

static enum pair_breakage read_breakage(const char *name)
{
    static const char *const names[PAIR_BREAKAGES] = {[PAIR_BREAK_DUPLICATE] = "duplicate",
                                                      [PAIR_BREAK_LEAK] = "leak",
                                                      [PAIR_BREAK_SILENCE] = "silence"};
    for (unsigned i = PAIR_UNBROKEN + 1; i < PAIR_BREAKAGES; i++)
        if (strcmp(name, names[i]) == 0)
            return (enum pair_breakage)i;
    fprintf(stderr, "ftun-exhaustive: no rule is called '%s'; see --help\n", name);
    exit(EXIT_USAGE);
}

int main(int argc, char **argv)
{
    static const struct option known[] = {{"depth", required_argument, NULL, 'd'},
                                          {"break", required_argument, NULL, 'b'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    uint32_t depth = DEPTH_DEFAULT;
    enum pair_breakage breakage = PAIR_UNBROKEN;
    int option;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return EXIT_HELD;
        } else if (option == 'd') {
            depth = read_depth(optarg);
        } else if (option == 'b') {
            breakage = read_breakage(optarg);
        } else {
            return EXIT_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "ftun-exhaustive: no such argument: '%s'; see --help\n", argv[optind]);
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++)
        if (!run(&starts[i], depth - starts[i].shorter, breakage))
            return EXIT_VIOLATED;
    return EXIT_HELD;
}
