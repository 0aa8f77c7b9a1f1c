#ifndef LOAD_MACHINE_H
#define LOAD_MACHINE_H

/** Seconds that all processors together have worked since the machine started: neither idle nor
 * stolen. */
double machine_busy_seconds(void);

#endif
