/* The subcommands of ftun: each takes what follows the word ftun, argv[0] being its own name, and
 * returns an enum ftun_exit. */
#ifndef FTUN_FTUN_COMMANDS_H
#define FTUN_FTUN_COMMANDS_H

int ftun_command_client(int argc, char **argv);
int ftun_command_server(int argc, char **argv);
int ftun_command_rules(int argc, char **argv);

#endif
