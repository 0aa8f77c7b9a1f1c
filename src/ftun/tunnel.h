/* One tunnel end from its options: everything set up, run, and taken down again. */
#ifndef FTUN_FTUN_TUNNEL_H
#define FTUN_FTUN_TUNNEL_H

#include "options.h"

/* What `ftun client` and `ftun server` do: read the options, print `help` if asked, else run until
 * a signal ends it. Returns the exit code; failures are logged. */
enum ftun_exit ftun_tunnel_command(int argc, char **argv, enum ftun_role role, const char *help);

#endif
