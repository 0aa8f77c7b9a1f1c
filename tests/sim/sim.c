/* ftun-sim: runs seeds, and says which one broke which rule. */
#include "trial.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum exit_code { EXIT_HELD, EXIT_VIOLATED, EXIT_USAGE };

enum { JOBS_MAX = 256 };

struct options {
    uint64_t seed;  /* the first */
    uint64_t seeds; /* how many */
    uint32_t jobs;
    uint32_t validate_every; /* turns */
    bool events;
    bool reach;
    enum sim_breakage breakage;
};

/* What one job has done. */
struct tally {
    uint64_t seeds, packets;
    uint64_t refused[FTUN_REFUSAL_COUNT];
    bool violated;
};

static const char help[] =
    "usage: ftun-sim [OPTION]...\n"
    "Two ftun endpoints and a bad network in virtual time: does every rule hold?\n"
    "\n"
    "  --seed N      run seed N only, or begin with it (default 1)\n"
    "  --seeds N     run N seeds (default 100)\n"
    "  --jobs N      in N processes (default 1)\n"
    "  --events      print each packet and action\n"
    "  --validate N  look at the whole state of an end after every Nth of its turns (default 16,\n"
    "                for a single seed 1)\n"
    "  --reach       print how often each refusal came up, and fail if one that should has not\n"
    "  --break RULE  break a rule on purpose, to see it noticed: corrupt, duplicate,\n"
    "                forsake, haste, impatience, invent, keep, leak, liveness, lose, probes,\n"
    "                reorder, reset, silence, storm\n"
    "  --help        print this\n"
    "\n"
    "examples:\n"
    "  ftun-sim --seeds 2000             what CI runs\n"
    "  ftun-sim --seed 17 --events       one seed, each packet\n"
    "  ftun-sim --seeds 5 --break leak   must fail\n"
    "\n"
    "exit code: 0 all rules held, 1 one did not (its seed is printed), 2 usage\n";

/* --- options ------------------------------------------------------------------------------ */

static _Noreturn void usage(const char *what, const char *value)
{
    fprintf(stderr, "ftun-sim: %s '%s'; see ftun-sim --help\n", what, value);
    exit(EXIT_USAGE);
}

static uint64_t read_number(const char *text, const char *option, uint64_t most)
{
    char *end;
    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || *text < '0' || *text > '9' || *end != '\0' || value > most) {
        fprintf(stderr, "ftun-sim: %s wants a number up to %" PRIu64 ", not '%s'\n", option, most,
                text);
        exit(EXIT_USAGE);
    }
    return value;
}

static enum sim_breakage read_breakage(const char *name)
{
    for (unsigned i = SIM_UNBROKEN + 1; i < SIM_BREAKAGES; i++)
        if (strcmp(name, sim_breakage_name((enum sim_breakage)i)) == 0)
            return (enum sim_breakage)i;
    usage("no rule is called", name);
}

static struct options read_options(int argc, char **argv)
{
    static const struct option known[] = {
        {"seed", required_argument, NULL, 's'},
        {"seeds", required_argument, NULL, 'n'},
        {"jobs", required_argument, NULL, 'j'},
        {"events", no_argument, NULL, 'e'},
        {"break", required_argument, NULL, 'b'},
        {"help", no_argument, NULL, 'h'},
        {"reach", no_argument, NULL, 'r'},
        {"validate", required_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    struct options options = {.seed = 1, .jobs = 1};
    bool one = false;
    int option;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 's') {
            options.seed = read_number(optarg, "--seed", UINT64_MAX);
            one = true;
        } else if (option == 'n') {
            options.seeds = read_number(optarg, "--seeds", UINT64_MAX);
        } else if (option == 'j') {
            options.jobs = (uint32_t)read_number(optarg, "--jobs", JOBS_MAX);
        } else if (option == 'r') {
            options.reach = true;
        } else if (option == 'v') {
            options.validate_every = (uint32_t)read_number(optarg, "--validate", UINT32_MAX);
        } else if (option == 'e') {
            options.events = true;
        } else if (option == 'b') {
            options.breakage = read_breakage(optarg);
        } else if (option == 'h') {
            fputs(help, stdout);
            exit(EXIT_HELD);
        } else {
            exit(EXIT_USAGE);
        }
    }
    if (optind < argc)
        usage("no such argument:", argv[optind]);
    if (options.seeds == 0)
        options.seeds = one ? 1 : 100;
    if (options.validate_every == 0)
        options.validate_every = options.seeds == 1 ? 1 : 16;
    if (options.jobs == 0 || options.events) /* lines of several processes would mix */
        options.jobs = 1;
    return options;
}

/* --- running ------------------------------------------------------------------------------ */

static void say_violated(const struct options *options, const struct sim_world *world)
{
    const char *broken = sim_breakage_name(options->breakage);
    fflush(stdout);
    fprintf(stderr, "seed %" PRIu64 ": %s\nto replay: ftun-sim --seed %" PRIu64 " --events%s%s\n",
            world->scenario.seed, world->report.text, world->scenario.seed,
            broken == NULL ? "" : " --break ", broken == NULL ? "" : broken);
}

/* Every options->jobs'th seed, up to the first that fails. */
static void run_job(const struct options *options, uint32_t job, struct tally *tally)
{
    struct sim_world *world = sim_world_create(options->events, options->validate_every);
    for (uint64_t i = job; i < options->seeds && !tally->violated; i += options->jobs) {
        struct sim_scenario scenario;
        sim_scenario_draw(&scenario, options->seed + i);
        scenario.breakage = options->breakage;
        tally->violated = !sim_trial_run(world, &scenario);
        if (tally->violated)
            say_violated(options, world);
        tally->seeds++;
    }
    tally->packets = world->network.packets;
    memcpy(tally->refused, world->refused, sizeof tally->refused);
    sim_world_destroy(world);
}

static void run_in_processes(const struct options *options, struct tally *tallies)
{
    for (uint32_t job = 0; job < options->jobs; job++) {
        const pid_t pid = fork();
        if (pid < 0) {
            perror("ftun-sim: cannot start a process");
            exit(EXIT_USAGE);
        }
        if (pid == 0) {
            run_job(options, job, &tallies[job]);
            exit(EXIT_HELD);
        }
    }
    int status;
    while (wait(&status) > 0)
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            tallies[0].violated = true; /* it has crashed, and said so itself */
}

static struct tally *run(const struct options *options)
{
    struct tally *tallies = mmap(NULL, JOBS_MAX * sizeof *tallies, PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (tallies == MAP_FAILED) {
        perror("ftun-sim: no memory");
        exit(EXIT_USAGE);
    }
    if (options->jobs == 1)
        run_job(options, 0, &tallies[0]);
    else
        run_in_processes(options, tallies);
    return tallies;
}

/* Refusals that nothing in this world can cause: what its ends are configured for, and what its
 * people, stranger and network never send. */
static bool out_of_reach(enum ftun_refusal refusal)
{
    return refusal == FTUN_REFUSED_NONE || refusal == FTUN_REFUSED_DATAGRAM_EMPTY ||
           refusal == FTUN_REFUSED_PORTS_EXHAUSTED || refusal == FTUN_REFUSED_FAMILY_UNAVAILABLE ||
           refusal == FTUN_REFUSED_DATAGRAM_LIKE_RECORD;
}

static bool say_reached(const uint64_t *refused)
{
    bool all = true;
    for (unsigned i = 0; i < FTUN_REFUSAL_COUNT; i++) {
        const bool missed = refused[i] == 0 && !out_of_reach((enum ftun_refusal)i);
        if (refused[i] > 0 || missed)
            printf("%12" PRIu64 " %s%s\n", refused[i], ftun_refusal_name((enum ftun_refusal)i),
                   missed ? ": not reached" : "");
        all = all && !missed;
    }
    return all;
}

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

/* That the machine has spent on this process and its children: what others do on it does not
 * count. */
static double cpu_seconds(void)
{
    struct rusage own;
    struct rusage children;
    getrusage(RUSAGE_SELF, &own);
    getrusage(RUSAGE_CHILDREN, &children);
    return seconds_of(own.ru_utime) + seconds_of(own.ru_stime) + seconds_of(children.ru_utime) +
           seconds_of(children.ru_stime);
}

int main(int argc, char **argv)
{
    const struct options options = read_options(argc, argv);
    const struct tally *tallies = run(&options);
    struct tally sum = {0};
    for (uint32_t job = 0; job < options.jobs; job++) {
        sum.seeds += tallies[job].seeds;
        sum.packets += tallies[job].packets;
        sum.violated |= tallies[job].violated;
        for (size_t i = 0; i < FTUN_REFUSAL_COUNT; i++)
            sum.refused[i] += tallies[job].refused[i];
    }
    if (options.reach)
        sum.violated |= !say_reached(sum.refused);
    const double took = cpu_seconds();
    printf("%" PRIu64 " seeds, %" PRIu64 " packets in %.1f s of one core: %.0f packets/s\n",
           sum.seeds, sum.packets, took, (double)sum.packets / took);
    return sum.violated ? EXIT_VIOLATED : EXIT_HELD;
}
