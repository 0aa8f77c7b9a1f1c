/* The command lines of ftun and of ftun-replay: the first byte says whose, each line after it is an
 * argument. */
#include "fuzz_input.h"
#include "options.h"
#include "replay_options.h"

enum { ARGUMENTS_MAX = 64 };

struct command_line {
    int argc;
    char **argv; /* ended by NULL, as main() gets it */
};

static struct command_line split(struct fuzz_input *input, const char *command)
{
    struct command_line line = {.argv = fuzz_allocate((ARGUMENTS_MAX + 2) * sizeof(char *))};
    line.argv[line.argc++] = fuzz_string((const uint8_t *)command, strlen(command));
    while (!fuzz_is_empty(input) && line.argc <= ARGUMENTS_MAX) {
        const uint8_t *start = input->data + input->off;
        size_t len = 0;
        while (!fuzz_is_empty(input) && fuzz_u8(input) != '\n')
            len++;
        line.argv[line.argc++] = fuzz_string(start, len);
    }
    line.argv[line.argc] = NULL;
    return line;
}

static void free_command_line(const struct command_line *line)
{
    for (int i = 0; i < line->argc; i++)
        free(line->argv[i]);
    free(line->argv);
}

static void check_understood(const struct ftun_options *options)
{
    FUZZ_REQUIRE(options->local.port != 0);
    FUZZ_REQUIRE(options->remote.port != 0 && options->remote.host[0] != '\0');
    FUZZ_REQUIRE(strnlen(options->remote.host, FTUN_HOST_MAX) < FTUN_HOST_MAX);
    FUZZ_REQUIRE(options->max_flows > 0 && options->timeouts.idle_ns > 0);
    FUZZ_REQUIRE(options->tun == NULL || strlen(options->tun) < IFNAMSIZ);
    FUZZ_REQUIRE(options->tun4.host.family == options->tun4.own.family);
    FUZZ_REQUIRE(options->tun6.host.family == options->tun6.own.family);
}

static void require_message(const struct ftun_error *error)
{
    const size_t len = strnlen(error->text, sizeof error->text);
    FUZZ_REQUIRE(len > 0 && len < sizeof error->text);
}

static void parse_ftun(const struct command_line *line, enum ftun_role role,
                       struct ftun_error *error)
{
    struct ftun_options options;
    if (!ftun_options_parse(line->argc, line->argv, role, &options, error))
        require_message(error);
    else if (!options.help)
        check_understood(&options);
}

static void parse_replay(const struct command_line *line, struct ftun_error *error)
{
    struct ftun_replay_options options;
    if (!ftun_replay_options_parse(line->argc, line->argv, &options, error))
        require_message(error);
    else if (!options.help && !options.version)
        FUZZ_REQUIRE(options.capture != NULL && !(options.events && options.json));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char *const commands[] = {"server", "client", "ftun-replay"};
    struct fuzz_input input = {.data = data, .len = len};
    const uint8_t choice = fuzz_u8(&input) % 3;
    const struct command_line line = split(&input, commands[choice]);
    struct ftun_error *error = fuzz_allocate(sizeof *error);
    error->text[0] = '\0';
    if (choice == 2)
        parse_replay(&line, error);
    else
        parse_ftun(&line, choice == 1 ? FTUN_CLIENT : FTUN_SERVER, error);
    free(error);
    free_command_line(&line);
    return 0;
}
