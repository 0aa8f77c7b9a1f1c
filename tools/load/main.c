#include "commands.h"
#include "fail.h"
#include "pattern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "ftun-load: makes UDP load, and checks every datagram that arrives\n"
    "\n"
    "  ftun-load sink      receive datagrams, verify each, say what was lost or damaged\n"
    "  ftun-load send      send datagrams to a sink, as fast as possible or at a rate\n"
    "  ftun-load echo      measure the time to a sink --echo and back, one datagram at a time\n"
    "  ftun-load crowd     open many flows, each of which sends now and then\n"
    "  ftun-load exchange  two ends, many flows, both directions at once: nothing may be damaged,\n"
    "                      lost, doubled or out of order\n"
    "  ftun-load forge     send TCP segments in somebody else's name: floods and blind attacks\n"
    "\n"
    "Each prints its results as one line of JSON on stdout. ftun-load COMMAND --help tells more.\n"
    "\n"
    "Example, in two terminals:\n"
    "  ftun-load sink --listen 127.0.0.1:5001\n"
    "  ftun-load send --to 127.0.0.1:5001 --mode gso --size 1400 --seconds 3\n"
    "\n"
    "Exit status: 0 done, 1 it could not be done or something was wrong, 2 bad usage.\n";

static const struct {
    const char *name;
    int (*run)(const char *const words[]);
} commands[] = {
    {"sink", sink_command},   {"send", send_command},         {"echo", echo_command},
    {"crowd", crowd_command}, {"exchange", exchange_command}, {"forge", forge_command},
};

int main(int count, char *words[])
{
    if (count < 2)
        fail_usage(
            "a command is missing: sink, send, echo, crowd, exchange or forge; --help tells more");
    if (strcmp(words[1], "--help") == 0 || strcmp(words[1], "-h") == 0) {
        fputs(help, stdout);
        return EXIT_SUCCESS;
    }
    pattern_prepare();
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(words[1], commands[i].name) == 0)
            return commands[i].run((const char *const *)words + 2);
    }
    fail_usage("%s: no such command; there are sink, send, echo, crowd, exchange and forge",
               words[1]);
}
