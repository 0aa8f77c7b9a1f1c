#include "replay.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    struct ftun_replay_options options;
    struct ftun_error error;
    if (!ftun_replay_options_parse(argc, argv, &options, &error)) {
        fprintf(stderr, "ftun-replay: %s\n", error.text);
        return FTUN_REPLAY_USAGE;
    }
    if (options.help) {
        fputs(ftun_replay_help, stdout);
        return FTUN_REPLAY_OK;
    }
    if (options.version) {
        puts("ftun-replay " FTUN_VERSION);
        return FTUN_REPLAY_OK;
    }
    return (int)ftun_replay(&options);
}
