#include "options.h"

#include "address_text.h"
#include "choices.h"

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_FLOWS_DEFAULT = 16384,
    MAX_FLOWS_LIMIT = 1 << 22,
    BUSY_POLL_US_MAX = 1000000, /* from here on it would never sleep */
    OPTION_TUN = 256,
    OPTION_TUN_LOCAL,
    OPTION_TUN_PEER,
    OPTION_TUN_LOCAL6,
    OPTION_TUN_PEER6,
    OPTION_HANDSHAKE_PACKET,
    OPTION_SETUP,
    OPTION_PEER,
    OPTION_PROFILE,
    OPTION_TIMESTAMPS,
    OPTION_LOG,
    OPTION_IDLE_TIMEOUT,
    OPTION_KEEPALIVE,
    OPTION_DEAD_AFTER,
    OPTION_MAX_FLOWS,
    OPTION_MAX_FLOWS_PER_SOURCE,
    OPTION_UPSTREAM_SOCKETS,
    OPTION_OFFLOAD,
    OPTION_BUSY_POLL,
    OPTION_PREFER,
    OPTION_WORKERS,
    OPTION_ATTACH,
    OPTION_DEV,
    OPTION_ALLOW_FROM,
    OPTION_PORTS,
    OPTION_MARK,
    OPTION_DIVERT_HOOK
};

static const struct option long_options[] = {
    {"local", required_argument, NULL, 'l'},
    {"remote", required_argument, NULL, 'r'},
    {"ipv4-only", no_argument, NULL, '4'},
    {"ipv6-only", no_argument, NULL, '6'},
    {"prefer", required_argument, NULL, OPTION_PREFER},
    {"help", no_argument, NULL, 'h'},
    {"tun", required_argument, NULL, OPTION_TUN},
    {"tun-local", required_argument, NULL, OPTION_TUN_LOCAL},
    {"tun-peer", required_argument, NULL, OPTION_TUN_PEER},
    {"tun-local6", required_argument, NULL, OPTION_TUN_LOCAL6},
    {"tun-peer6", required_argument, NULL, OPTION_TUN_PEER6},
    {"handshake-packet", required_argument, NULL, OPTION_HANDSHAKE_PACKET},
    {"setup", required_argument, NULL, OPTION_SETUP},
    {"peer", required_argument, NULL, OPTION_PEER},
    {"profile", required_argument, NULL, OPTION_PROFILE},
    {"timestamps", no_argument, NULL, OPTION_TIMESTAMPS},
    {"log", required_argument, NULL, OPTION_LOG},
    {"idle-timeout", required_argument, NULL, OPTION_IDLE_TIMEOUT},
    {"keepalive", required_argument, NULL, OPTION_KEEPALIVE},
    {"dead-after", required_argument, NULL, OPTION_DEAD_AFTER},
    {"max-flows", required_argument, NULL, OPTION_MAX_FLOWS},
    {"max-flows-per-source", required_argument, NULL, OPTION_MAX_FLOWS_PER_SOURCE},
    {"upstream-sockets", required_argument, NULL, OPTION_UPSTREAM_SOCKETS},
    {"workers", required_argument, NULL, OPTION_WORKERS},
    {"offload", required_argument, NULL, OPTION_OFFLOAD},
    {"busy-poll", required_argument, NULL, OPTION_BUSY_POLL},
    {"attach", required_argument, NULL, OPTION_ATTACH},
    {"dev", required_argument, NULL, OPTION_DEV},
    {"allow-from", required_argument, NULL, OPTION_ALLOW_FROM},
    {"ports", required_argument, NULL, OPTION_PORTS},
    {"mark", required_argument, NULL, OPTION_MARK},
    {"divert-hook", required_argument, NULL, OPTION_DIVERT_HOOK},
    {0},
};

/* --- values ------------------------------------------------------------------------------- */

/* The place of `value` among `names`, which ends with NULL; -1. */
static int one_of(const char *value, const char *const *names)
{
    for (int i = 0; names[i] != NULL; i++)
        if (strcmp(value, names[i]) == 0)
            return i;
    return -1;
}

static bool take_name(const char *option, const char *value, const char *const *names, int *chosen,
                      struct ftun_error *error)
{
    *chosen = one_of(value, names);
    if (*chosen >= 0)
        return true;
    char list[128] = "";
    for (int i = 0; names[i] != NULL; i++) {
        strncat(list, i == 0 ? "" : ", ", sizeof list - strlen(list) - 1);
        strncat(list, names[i], sizeof list - strlen(list) - 1);
    }
    return ftun_fail(error, "%s knows no \"%s\"; it takes one of: %s", option, value, list);
}

static bool take_number(const char *option, const char *value, uint64_t most, uint64_t *number,
                        struct ftun_error *error)
{
    char *end;
    errno = 0;
    *number = strtoull(value, &end, 10);
    if (errno == 0 && value[0] >= '0' && value[0] <= '9' && *end == '\0' && *number > 0 &&
        *number <= most)
        return true;
    return ftun_fail(error, "%s wants a number from 1 to %llu, not \"%s\"", option,
                     (unsigned long long)most, value);
}

static bool take_address(const char *option, const char *value, enum ftun_family family,
                         struct ftun_address *address, struct ftun_error *error)
{
    if (ftun_address_parse(value, address) && address->family == family)
        return true;
    return ftun_fail(error, "%s wants an IPv%d address, not \"%s\"", option, (int)family, value);
}

static bool is_tun_name(const char *name)
{
    const size_t len = strlen(name);
    const bool starts_well =
        (name[0] >= 'a' && name[0] <= 'z') || (name[0] >= 'A' && name[0] <= 'Z');
    return starts_well && len < IFNAMSIZ &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") == len;
}

static bool take_tun(const char *value, struct ftun_options *options, struct ftun_error *error)
{
    options->tun = value[0] == '\0' ? NULL : value; /* Phantun: empty means the next free */
    if (options->tun == NULL || is_tun_name(value))
        return true;
    return ftun_fail(error,
                     "--tun wants an interface name of at most 15 letters, digits, _ - . "
                     "that begins with a letter, not \"%s\"",
                     value);
}

static bool take_local(const char *value, struct ftun_options *options, struct ftun_error *error)
{
    if (options->role == FTUN_SERVER)
        return ftun_port_parse(value, &options->local.port) ||
               ftun_fail(error, "--local of a server wants a TCP port, like 4567, not \"%s\"",
                         value);
    return ftun_socket_address_parse(value, &options->local) ||
           ftun_fail(error,
                     "--local of a client wants ADDRESS:PORT, like 127.0.0.1:1234 or "
                     "[::1]:1234, not \"%s\"",
                     value);
}

static bool take_remote(const char *value, struct ftun_options *options, struct ftun_error *error)
{
    return ftun_host_port_split(value, options->remote.host, &options->remote.port) ||
           ftun_fail(error,
                     "--remote wants HOST:PORT, like example.net:4567 or "
                     "[2001:db8::1]:4567, not \"%s\"",
                     value);
}

static bool take_only(enum ftun_family family, struct ftun_options *options,
                      struct ftun_error *error)
{
    if (options->only != FTUN_FAMILY_NONE && options->only != family)
        return ftun_fail(error, "--ipv4-only and --ipv6-only contradict each other");
    options->only = family;
    return true;
}

static bool take_prefer(const char *value, struct ftun_options *options, struct ftun_error *error)
{
    static const char *const names[] = {"ipv4", "ipv6", NULL};
    int chosen;
    if (!take_name("--prefer", value, names, &chosen, error))
        return false;
    options->prefer = chosen == 0 ? FTUN_IPV4 : FTUN_IPV6;
    return true;
}

static bool take_setup(const char *value, struct ftun_options *options, struct ftun_error *error)
{
    static const char *const names[] = {"auto", "none", NULL};
    int chosen;
    if (!take_name("--setup", value, names, &chosen, error))
        return false;
    options->touch_nothing = chosen == 1;
    return true;
}

static bool take_attach(const char *value, struct ftun_options *options, struct ftun_error *error)
{
    static const char *const names[] = {"auto", "divert", "nat", NULL};
    int chosen;
    if (!take_name("--attach", value, names, &chosen, error))
        return false;
    options->attach = (enum ftun_attachment_kind)chosen;
    return true;
}

static bool take_divert_hook(const char *value, struct ftun_options *options,
                             struct ftun_error *error)
{
    static const char *const names[] = {"auto", "tcx", "clsact", NULL};
    int chosen;
    if (!take_name("--divert-hook", value, names, &chosen, error))
        return false;
    options->choices.hook = (enum ftun_divert_hook)chosen;
    return true;
}

/* The same choice by two names: what the connections look like, and who understands them. */
static bool take_peer(const char *value, struct ftun_options *options, struct ftun_error *error)
{
    static const char *const names[] = {"auto", "ftun", "phantun", NULL};
    int chosen;
    if (!take_name("--peer", value, names, &chosen, error))
        return false;
    options->peer = (enum ftun_peer)chosen;
    return true;
}

static bool take_profile(const char *value, struct ftun_options *options, struct ftun_error *error)
{
    static const char *const names[] = {"auto", "linux", "phantun", NULL};
    int chosen;
    if (!take_name("--profile", value, names, &chosen, error))
        return false;
    options->peer = (enum ftun_peer)chosen;
    return true;
}

static bool take_log(const char *value, struct ftun_options *options, struct ftun_error *error)
{
    static const char *const names[] = {"error", "warning", "info", "debug", NULL};
    int chosen;
    if (!take_name("--log", value, names, &chosen, error))
        return false;
    options->log_level = (enum ftun_log_level)chosen;
    return true;
}

static bool take_offload(const char *value, struct ftun_options *options, struct ftun_error *error)
{
    static const char *const names[] = {"auto", "off", NULL};
    int chosen;
    if (!take_name("--offload", value, names, &chosen, error))
        return false;
    options->offload = chosen == 0;
    return true;
}

static bool take_busy_poll(const char *value, struct ftun_options *options,
                           struct ftun_error *error)
{
    uint64_t us = 0;
    if (strcmp(value, "0") != 0 && !take_number("--busy-poll", value, BUSY_POLL_US_MAX, &us, error))
        return false;
    options->busy_poll_ns = us * 1000;
    return true;
}

static bool take_seconds(const char *option, const char *value, uint64_t *ns,
                         struct ftun_error *error)
{
    uint64_t seconds;
    if (!take_number(option, value, 365 * 86400, &seconds, error))
        return false;
    *ns = seconds * FTUN_SECOND;
    return true;
}

/* What only a client does: the server's end has nobody to dial. */
static bool take_client_seconds(const char *option, const char *value,
                                const struct ftun_options *options, uint64_t *ns,
                                struct ftun_error *error)
{
    if (options->role == FTUN_SERVER)
        return ftun_fail(error, "%s is for clients: a server waits to be spoken to", option);
    return take_seconds(option, value, ns, error);
}

static bool take_keepalive(const char *value, struct ftun_options *options,
                           struct ftun_error *error)
{
    if (strcmp(value, "off") != 0 || options->role == FTUN_SERVER)
        return take_client_seconds("--keepalive", value, options, &options->timeouts.keepalive_ns,
                                   error);
    options->timeouts.keepalive_ns = FTUN_NEVER;
    return true;
}

static bool take_max_flows(const char *value, struct ftun_options *options,
                           struct ftun_error *error)
{
    uint64_t flows;
    if (!take_number("--max-flows", value, MAX_FLOWS_LIMIT, &flows, error))
        return false;
    options->max_flows = (uint32_t)flows;
    options->max_flows_given = true;
    return true;
}

static bool take_max_flows_per_source(const char *value, struct ftun_options *options,
                                      struct ftun_error *error)
{
    uint64_t flows;
    if (!take_number("--max-flows-per-source", value, MAX_FLOWS_LIMIT, &flows, error))
        return false;
    options->max_flows_per_source = (uint32_t)flows;
    return true;
}

static bool take_upstream_sockets(const char *value, struct ftun_options *options,
                                  struct ftun_error *error)
{
    static const char *const names[] = {"auto", "each", "shared", NULL};
    int chosen;
    if (options->role == FTUN_CLIENT)
        return ftun_fail(error, "--upstream-sockets is for a server: a client has one for all");
    if (!take_name("--upstream-sockets", value, names, &chosen, error))
        return false;
    options->upstream_sockets = (enum ftun_upstream_sockets)chosen;
    return true;
}

static bool take_workers(const char *value, struct ftun_options *options, struct ftun_error *error)
{
    uint64_t workers = 0;
    if (strcmp(value, "auto") != 0 &&
        !take_number("--workers", value, FTUN_WORKERS_MAX, &workers, error))
        return false;
    options->workers = (uint32_t)workers;
    return true;
}

static bool take_tun_address(int option, const char *value, struct ftun_options *options,
                             struct ftun_error *error)
{
    switch (option) {
    case OPTION_TUN_LOCAL:
        return take_address("--tun-local", value, FTUN_IPV4, &options->tun4.host, error);
    case OPTION_TUN_PEER:
        return take_address("--tun-peer", value, FTUN_IPV4, &options->tun4.own, error);
    case OPTION_TUN_LOCAL6:
        return take_address("--tun-local6", value, FTUN_IPV6, &options->tun6.host, error);
    default:
        return take_address("--tun-peer6", value, FTUN_IPV6, &options->tun6.own, error);
    }
}

static bool take_attachment(int option, const char *value, struct ftun_options *options,
                            struct ftun_error *error)
{
    switch (option) {
    case OPTION_ATTACH:
        return take_attach(value, options, error);
    case OPTION_DEV:
        return ftun_choices_take_links(value, &options->choices, error);
    case OPTION_ALLOW_FROM:
        return ftun_choices_take_prefixes(value, &options->choices, error);
    case OPTION_PORTS:
        return ftun_choices_take_ports(value, &options->choices, error);
    case OPTION_MARK:
        return ftun_choices_take_mark(value, &options->choices, error);
    default:
        return take_divert_hook(value, options, error);
    }
}

/* --- the whole ---------------------------------------------------------------------------- */

static bool take(int option, const char *value, struct ftun_options *options,
                 struct ftun_error *error)
{
    switch (option) {
    case 'l':
        return take_local(value, options, error);
    case 'r':
        return take_remote(value, options, error);
    case '4':
        return take_only(FTUN_IPV4, options, error);
    case '6':
        return take_only(FTUN_IPV6, options, error);
    case OPTION_PREFER:
        return take_prefer(value, options, error);
    case OPTION_TUN:
        return take_tun(value, options, error);
    case OPTION_TUN_LOCAL:
    case OPTION_TUN_PEER:
    case OPTION_TUN_LOCAL6:
    case OPTION_TUN_PEER6:
        return take_tun_address(option, value, options, error);
    case OPTION_HANDSHAKE_PACKET:
        options->handshake_packet = value;
        return true;
    case OPTION_SETUP:
        return take_setup(value, options, error);
    case OPTION_PEER:
        return take_peer(value, options, error);
    case OPTION_PROFILE:
        return take_profile(value, options, error);
    case OPTION_TIMESTAMPS:
        options->timestamps = true;
        return true;
    case OPTION_LOG:
        return take_log(value, options, error);
    case OPTION_IDLE_TIMEOUT:
        return take_seconds("--idle-timeout", value, &options->timeouts.idle_ns, error);
    case OPTION_KEEPALIVE:
        return take_keepalive(value, options, error);
    case OPTION_DEAD_AFTER:
        return take_client_seconds("--dead-after", value, options, &options->timeouts.dead_after_ns,
                                   error);
    case OPTION_MAX_FLOWS:
        return take_max_flows(value, options, error);
    case OPTION_MAX_FLOWS_PER_SOURCE:
        return take_max_flows_per_source(value, options, error);
    case OPTION_UPSTREAM_SOCKETS:
        return take_upstream_sockets(value, options, error);
    case OPTION_WORKERS:
        return take_workers(value, options, error);
    case OPTION_ATTACH:
    case OPTION_DEV:
    case OPTION_ALLOW_FROM:
    case OPTION_PORTS:
    case OPTION_MARK:
    case OPTION_DIVERT_HOOK:
        return take_attachment(option, value, options, error);
    case OPTION_BUSY_POLL:
        return take_busy_poll(value, options, error);
    default:
        return take_offload(value, options, error);
    }
}

static bool check_pair(const struct ftun_tun_addresses *pair, const char *suffix,
                       struct ftun_error *error)
{
    if (pair->host.family == pair->own.family)
        return true;
    return ftun_fail(error, "--tun-local%s and --tun-peer%s belong together: give both or neither",
                     suffix, suffix);
}

/* A server takes its clients as they come. */
static bool check_dialing(const struct ftun_options *options, struct ftun_error *error)
{
    const char *given = NULL;
    if (options->timestamps)
        given = "--timestamps";
    else if (options->prefer != FTUN_FAMILY_NONE)
        given = "--prefer";
    else if (options->peer != FTUN_PEER_AUTO)
        given = "--profile (or --peer)";
    return given == NULL || options->role == FTUN_CLIENT ||
           ftun_fail(error, "%s is for clients: a server answers each as it begins", given);
}

static bool check_flow_limits(const struct ftun_options *options, struct ftun_error *error)
{
    if (options->max_flows_per_source == 0 || options->role == FTUN_SERVER)
        return true;
    return ftun_fail(error, "--max-flows-per-source is for a server: a client's flows all come "
                            "from its own applications");
}

static bool check(const struct ftun_options *options, struct ftun_error *error)
{
    if (options->local.port == 0)
        return ftun_fail(error, "--local is missing: %s",
                         options->role == FTUN_CLIENT
                             ? "where applications send their UDP, like 127.0.0.1:1234"
                             : "the TCP port to listen on, like 4567");
    if (options->remote.port == 0)
        return ftun_fail(error, "--remote is missing: %s",
                         options->role == FTUN_CLIENT ? "the ftun or Phantun server, as HOST:PORT"
                                                      : "where the UDP goes, as HOST:PORT");
    if (options->only == FTUN_IPV4 && options->tun6.host.family != FTUN_FAMILY_NONE)
        return ftun_fail(error, "--ipv4-only and --tun-local6 contradict each other");
    if (options->only == FTUN_IPV6 && options->tun4.host.family != FTUN_FAMILY_NONE)
        return ftun_fail(error, "--ipv6-only and --tun-local contradict each other");
    if (options->timestamps && options->peer == FTUN_PEER_PHANTUN)
        return ftun_fail(error, "--timestamps and --profile phantun contradict each other");
    return check_dialing(options, error) && check_flow_limits(options, error) &&
           check_pair(&options->tun4, "", error) && check_pair(&options->tun6, "6", error) &&
           ftun_choices_check(options, error);
}

static bool unknown(int argc, char **argv, int option, struct ftun_error *error)
{
    const char *const given = argv[optind > 1 && optind <= argc ? optind - 1 : 0];
    if (option == ':')
        return ftun_fail(error, "%s wants a value; ftun %s --help says which", given, argv[0]);
    return ftun_fail(error, "unknown option %s; ftun %s --help lists them", given, argv[0]);
}

bool ftun_options_parse(int argc, char **argv, enum ftun_role role, struct ftun_options *options,
                        struct ftun_error *error)
{
    const bool client = role == FTUN_CLIENT;
    *options = (struct ftun_options){
        .role = role,
        .offload = true,
        .log_level = FTUN_LOG_INFO,
        .timeouts = {.idle_ns = FTUN_IDLE_TIMEOUT_DEFAULT,
                     .keepalive_ns = client ? FTUN_KEEPALIVE_DEFAULT : FTUN_NEVER,
                     .dead_after_ns = client ? FTUN_DEAD_AFTER_DEFAULT : FTUN_NEVER},
        .max_flows = MAX_FLOWS_DEFAULT,
    };
    opterr = 0;
    optind = 0; /* start over, whatever was parsed before */
    int option;
    while ((option = getopt_long(argc, argv, ":l:r:46h", long_options, NULL)) != -1) {
        if (option == 'h') {
            options->help = true;
            return true;
        }
        if (option == '?' || option == ':')
            return unknown(argc, argv, option, error);
        if (!take(option, optarg, options, error))
            return false;
    }
    if (optind < argc)
        return ftun_fail(error, "unexpected argument %s; ftun %s --help shows how to call it",
                         argv[optind], argv[0]);
    if (role == FTUN_CLIENT) { /* of a server they are about its clients */
        options->remote.only = (uint8_t)options->only;
        options->remote.first = (uint8_t)options->prefer;
    }
    return check(options, error);
}

/* A new link takes the default setting; without IPv6 in the kernel there is no such file. */
static bool host_has_ipv6(void)
{
    FILE *file = fopen("/proc/sys/net/ipv6/conf/default/disable_ipv6", "re");
    const bool enabled = file != NULL && fgetc(file) == '0';
    if (file != NULL)
        fclose(file);
    return enabled;
}

/* A name may have addresses of either family tomorrow. */
static bool may_use(const struct ftun_options *options, const struct ftun_remotes *remotes,
                    enum ftun_family family)
{
    if (options->role == FTUN_CLIENT && ftun_question_is_literal(&options->remote))
        return ftun_remotes_have_family(remotes, family);
    if (options->only != FTUN_FAMILY_NONE)
        return options->only == family;
    return family == FTUN_IPV4 || host_has_ipv6();
}

uint32_t ftun_options_workers(const struct ftun_options *options)
{
    cpu_set_t usable;
    if (options->workers != 0)
        return options->workers;
    if (sched_getaffinity(0, sizeof usable, &usable) != 0) /* more processors than the set has */
        return FTUN_WORKERS_MAX;
    const uint32_t count = (uint32_t)CPU_COUNT(&usable);
    return count < FTUN_WORKERS_MAX ? count : FTUN_WORKERS_MAX;
}

struct ftun_attachment_plan ftun_options_plan(const struct ftun_options *options,
                                              const struct ftun_remotes *remotes)
{
    return (struct ftun_attachment_plan){
        .kind = options->touch_nothing ? FTUN_ATTACHMENT_MANUAL : options->attach,
        .role = options->role,
        .remotes = *remotes,
        .port = options->local.port,
        .tun_name = options->tun,
        .ipv4 = may_use(options, remotes, FTUN_IPV4),
        .ipv6 = may_use(options, remotes, FTUN_IPV6),
        .tun4 = options->tun4,
        .tun6 = options->tun6,
        .offload = options->offload,
        .workers = ftun_options_workers(options),
        .flows = options->max_flows_given ? options->max_flows : 0,
        .choices = options->choices,
    };
}
