#include "commands.h"
#include "help.h"
#include "tunnel.h"

int ftun_command_server(int argc, char **argv)
{
    return (int)ftun_tunnel_command(argc, argv, FTUN_SERVER, ftun_help_server);
}
