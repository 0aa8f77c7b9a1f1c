#include "stop.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t requested;

static void request(int number)
{
    (void)number;
    requested = 1;
}

void stop_on_signals(void)
{
    /* Without SA_RESTART, so that a blocked receive or sleep returns and the loop sees the request.
     */
    struct sigaction action = {.sa_handler = request};

    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
}

bool stop_requested(void)
{
    return requested != 0;
}
