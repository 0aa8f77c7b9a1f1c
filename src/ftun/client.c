#include "commands.h"
#include "help.h"
#include "tunnel.h"

int ftun_command_client(int argc, char **argv)
{
    return (int)ftun_tunnel_command(argc, argv, FTUN_CLIENT, ftun_help_client);
}
