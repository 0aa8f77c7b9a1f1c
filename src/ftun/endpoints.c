/* ftun client */
#include "commands.h"
#include "help.h"
#include "tunnel.h"

#include <stdio.h>

static int run(int argc, char **argv, enum ftun_role role, const char *help)
{
    struct ftun_options options;
    struct ftun_error error;
    if (!ftun_options_parse(argc, argv, role, &options, &error)) {
        fprintf(stderr, "ftun %s: %s\n", argv[0], error.text);
        return FTUN_EXIT_USAGE;
    }
    if (options.help) {
        fputs(help, stdout);
        return FTUN_EXIT_OK;
    }
    ftun_log_set_level(options.log_level);
    return (int)ftun_tunnel_run(&options);
}

int ftun_command_client(int argc, char **argv)
{
    return run(argc, argv, FTUN_CLIENT, ftun_help_client);
}

int ftun_command_server(int argc, char **argv)
{
    return run(argc, argv, FTUN_SERVER, ftun_help_server);
}
