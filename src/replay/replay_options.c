#include "replay_options.h"

#include "address_text.h"
#include "intake.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPTION_ROLE = 256,
    OPTION_END,
    OPTION_EVENTS,
    OPTION_JSON,
    OPTION_SNAP,
    OPTION_EXPECT,
    OPTION_UPDATE_EXPECT,
    OPTION_WRITE_CORPUS
};

static const struct option long_options[] = {
    {"role", required_argument, NULL, OPTION_ROLE},
    {"end", required_argument, NULL, OPTION_END},
    {"events", no_argument, NULL, OPTION_EVENTS},
    {"json", no_argument, NULL, OPTION_JSON},
    {"snap", required_argument, NULL, OPTION_SNAP},
    {"expect", required_argument, NULL, OPTION_EXPECT},
    {"update-expect", no_argument, NULL, OPTION_UPDATE_EXPECT},
    {"write-corpus", required_argument, NULL, OPTION_WRITE_CORPUS},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {0},
};

static bool take_role(const char *value, struct ftun_replay_options *options,
                      struct ftun_error *error)
{
    static const struct {
        const char *name;
        enum ftun_replay_role role;
    } roles[] = {{"observer", FTUN_REPLAY_OBSERVER},
                 {"server", FTUN_REPLAY_SERVER},
                 {"client", FTUN_REPLAY_CLIENT}};
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        if (strcmp(value, roles[i].name) == 0) {
            options->role = roles[i].role;
            return true;
        }
    }
    return ftun_fail(error, "--role knows no \"%s\"; it takes one of: observer, server, client",
                     value);
}

static bool take_snap(const char *value, struct ftun_replay_options *options,
                      struct ftun_error *error)
{
    if (strcmp(value, "sweep") == 0) {
        options->sweep = true;
        return true;
    }
    char *end;
    errno = 0;
    const unsigned long long snap = strtoull(value, &end, 10);
    if (errno != 0 || value[0] < '0' || value[0] > '9' || *end != '\0' || snap > FTUN_IP_PACKET_MAX)
        return ftun_fail(error, "--snap wants a number of bytes up to %u, or sweep, not \"%s\"",
                         FTUN_IP_PACKET_MAX, value);
    options->snap = (size_t)snap;
    return true;
}

static bool take(int option, const char *value, struct ftun_replay_options *options,
                 struct ftun_error *error)
{
    switch (option) {
    case OPTION_ROLE:
        return take_role(value, options, error);
    case OPTION_END:
        return ftun_socket_address_parse(value, &options->end) ||
               ftun_fail(error,
                         "--end wants ADDRESS:PORT, like 192.0.2.7:4567 or [2001:db8::7]:4567, "
                         "not \"%s\"",
                         value);
    case OPTION_SNAP:
        return take_snap(value, options, error);
    case OPTION_EVENTS:
        options->events = true;
        return true;
    case OPTION_JSON:
        options->json = true;
        return true;
    case OPTION_EXPECT:
        options->expect = value;
        return true;
    case OPTION_UPDATE_EXPECT:
        options->update_expect = true;
        return true;
    case OPTION_WRITE_CORPUS:
        options->corpus = value;
        return true;
    case 'h':
        options->help = true;
        return true;
    default:
        options->version = true;
        return true;
    }
}

static bool check(const struct ftun_replay_options *options, struct ftun_error *error)
{
    if (options->capture == NULL)
        return ftun_fail(error, "no capture named; ftun-replay --help shows how to call it");
    if (options->end.ip.family != FTUN_FAMILY_NONE && options->role == FTUN_REPLAY_OBSERVER)
        return ftun_fail(error, "--end says which end --role server or --role client plays: name "
                                "the role too");
    if (options->update_expect && options->expect == NULL)
        return ftun_fail(error, "--update-expect writes the file that --expect names: name it");
    if (options->events && options->json)
        return ftun_fail(error, "--events and --json contradict each other: choose one");
    if (options->sweep && options->events)
        return ftun_fail(error, "--snap sweep prints a summary of all its runs: no --events");
    if (options->sweep && options->json)
        return ftun_fail(error, "--snap sweep prints a summary of all its runs: no --json");
    if (options->sweep && strcmp(options->capture, "-") == 0)
        return ftun_fail(error, "--snap sweep reads the capture many times: name a file");
    return true;
}

static bool unknown(int argc, char **argv, int option, struct ftun_error *error)
{
    const char *const given = argv[optind > 1 && optind <= argc ? optind - 1 : 0];
    if (option == ':')
        return ftun_fail(error, "%s wants a value; ftun-replay --help says which", given);
    return ftun_fail(error, "unknown option %s; ftun-replay --help lists them", given);
}

bool ftun_replay_options_parse(int argc, char **argv, struct ftun_replay_options *options,
                               struct ftun_error *error)
{
    *options = (struct ftun_replay_options){.snap = FTUN_NO_SNAP};
    opterr = 0;
    optind = 0; /* start over, whatever was parsed before */
    int option;
    while ((option = getopt_long(argc, argv, ":hV", long_options, NULL)) != -1) {
        if (option == '?' || option == ':')
            return unknown(argc, argv, option, error);
        if (!take(option, optarg, options, error))
            return false;
        if (options->help || options->version)
            return true;
    }
    if (optind < argc)
        options->capture = argv[optind++];
    if (optind < argc)
        return ftun_fail(error, "unexpected argument %s; ftun-replay reads one capture at a time",
                         argv[optind]);
    return check(options, error);
}
