#ifndef LOAD_STOP_H
#define LOAD_STOP_H

#include <stdbool.h>

/** From now on SIGTERM and SIGINT do not kill: they interrupt the call in progress and ask to end.
 */
void stop_on_signals(void);

/** Has a signal asked to end? */
bool stop_requested(void);

#endif
