/* The command line of ftun-replay. */
#ifndef FTUN_REPLAY_REPLAY_OPTIONS_H
#define FTUN_REPLAY_REPLAY_OPTIONS_H

#include "address.h"
#include "error.h"

#include <stddef.h>

enum ftun_replay_exit {
    FTUN_REPLAY_OK = 0,
    FTUN_REPLAY_DIFFERS = 1, /* from --expect */
    FTUN_REPLAY_USAGE = 2,
    FTUN_REPLAY_CAPTURE = 3, /* the capture cannot be read, or not to its end */
    FTUN_REPLAY_FAILED = 4   /* another file cannot be read or written, or no memory */
};

enum ftun_replay_role { FTUN_REPLAY_OBSERVER, FTUN_REPLAY_SERVER, FTUN_REPLAY_CLIENT };

struct ftun_replay_options {
    const char *capture; /* path; "-" is the standard input */
    enum ftun_replay_role role;
    struct ftun_socket_address end; /* family NONE: by the first SYN */
    size_t snap;                    /* bytes; FTUN_NO_SNAP */
    bool sweep;                     /* every length */
    bool events, json;
    const char *expect; /* path; NULL: print */
    bool update_expect; /* write that file */
    const char *corpus; /* directory; NULL: none */
    bool help, version;
};

/* Read the command line. False and the reason. Pointers are into argv. */
bool ftun_replay_options_parse(int argc, char **argv, struct ftun_replay_options *options,
                               struct ftun_error *error);

extern const char ftun_replay_help[];

#endif
