#ifndef LOAD_ADDRESS_H
#define LOAD_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/** An IPv4 or IPv6 address with a port. */
struct address {
    struct sockaddr_storage storage;
    socklen_t length;
};

enum { ADDRESS_TEXT_ROOM = 80 };

/** Read "192.0.2.1:5000" or "[2001:db8::1]:5000". Returns false when `text` is neither. */
bool address_parse(const char *text, struct address *address);

/** Write the form that address_parse() reads. */
void address_format(const struct address *address, char text[static ADDRESS_TEXT_ROOM]);

/** Same host and same port? */
bool address_equal(const struct address *left, const struct address *right);

/** A number to file the address under; equal addresses have equal numbers. */
size_t address_hash(const struct address *address);

#endif
