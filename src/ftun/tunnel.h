/* One tunnel end from its options: everything set up, run, and taken down again. */
#ifndef FTUN_FTUN_TUNNEL_H
#define FTUN_FTUN_TUNNEL_H

#include "options.h"

/* Run until a signal ends it. Returns the exit code; failures are logged. */
enum ftun_exit ftun_tunnel_run(struct ftun_options *options);

#endif
