#include "commands.h"
#include "help.h"
#include "options.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"client", ftun_command_client},
    {"server", ftun_command_server},
    {"rules", ftun_command_rules},
};

static bool is_one_of(const char *word, const char *a, const char *b, const char *c)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0 || strcmp(word, c) == 0;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fputs(ftun_help_overview, stderr);
        return FTUN_EXIT_USAGE;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    if (is_one_of(argv[1], "help", "--help", "-h")) {
        fputs(ftun_help_overview, stdout);
        return FTUN_EXIT_OK;
    }
    if (is_one_of(argv[1], "version", "--version", "-V")) {
        puts("ftun " FTUN_VERSION);
        return FTUN_EXIT_OK;
    }
    fprintf(stderr, "ftun: no command \"%s\"; ftun help lists them\n", argv[1]);
    return FTUN_EXIT_USAGE;
}
