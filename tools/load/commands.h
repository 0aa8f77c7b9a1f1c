#ifndef LOAD_COMMANDS_H
#define LOAD_COMMANDS_H

/*
 * The commands of ftun-load. Each takes the words after its name, null at their end, and returns
 * the exit status. Each prints its results as one line of JSON.
 */

/** Receive stamped datagrams and verify every one. */
int sink_command(const char *const words[]);

/** Send stamped datagrams. */
int send_command(const char *const words[]);

/** Measure how long a datagram and its echo take. */
int echo_command(const char *const words[]);

/** Open many flows, each of which sends now and then. */
int crowd_command(const char *const words[]);

/** Exchange datagrams with a peer in both directions at once, and accept no fault at all. */
int exchange_command(const char *const words[]);

/** Send TCP segments in somebody else's name. */
int forge_command(const char *const words[]);

#endif
