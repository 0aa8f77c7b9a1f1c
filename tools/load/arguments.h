#ifndef LOAD_ARGUMENTS_H
#define LOAD_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Turns the text of an option into a value at `target`. Returns null, or what it wants to see. */
typedef const char *argument_reader(const char *text, void *target);

/** One option of a command. Without `read` it is a switch and `target` a bool. */
struct argument {
    const char *name; /* without its two dashes */
    argument_reader *read;
    void *target;
    bool given; /* set when the command line has it */
};

/** Datagram sizes in bytes, from the least to the most. */
struct size_range {
    uint32_t least;
    uint32_t most;
};

/** A rate to send at, in one of two units; both zero: as fast as possible. */
struct rate {
    double datagrams_per_second;
    double bits_per_second; /* of payload */
};

/** The largest UDP payload that fits both an IPv4 and an IPv6 packet. */
enum { DATAGRAM_MOST = 65487 };

/**
 * Read the options of a command. `words` are those after the command's name. `--help` prints `help`
 * and exits with status 0; anything not understood exits with status 2.
 */
void arguments_read(const char *const words[], struct argument arguments[], size_t count,
                    const char *help);

/** Exit with status 2 unless the option of that name was given. */
void arguments_require(const struct argument arguments[], size_t count, const char *name);

/** Reads ADDRESS:PORT into a struct address. */
argument_reader argument_address;

/** Reads a whole number above 0 into a uint64_t; K, M and G multiply by a thousand each. */
argument_reader argument_count;

/** Reads a whole number, 0 included, into a uint64_t. */
argument_reader argument_number;

/** Reads a number of flows into a uint64_t. */
argument_reader argument_flows;

/** Reads a time in seconds, fractions allowed, into a double. */
argument_reader argument_seconds;

/** Reads N or MIN-MAX bytes into a struct size_range. */
argument_reader argument_sizes;

/** Reads a struct rate: datagrams a second, or with K, M or G at its end bits a second. */
argument_reader argument_rate;

/** Keeps the text itself in a const char pointer. */
argument_reader argument_text;

#endif
