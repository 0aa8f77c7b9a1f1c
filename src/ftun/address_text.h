/* Addresses as people type them. */
#ifndef FTUN_FTUN_ADDRESS_TEXT_H
#define FTUN_FTUN_ADDRESS_TEXT_H

#include "address.h"
#include "divert.h"
#include "error.h"

/* "192.0.2.1" or "2001:db8::1" (brackets allowed). False when it is neither. */
bool ftun_address_parse(const char *text, struct ftun_address *out);

/* "4567": 1 to 65535. */
bool ftun_port_parse(const char *text, uint16_t *out);

/* Split "HOST:PORT" or "[IPv6]:PORT"; host has room for 256 bytes. */
bool ftun_host_port_split(const char *text, char *host, uint16_t *port);

/* "192.0.2.1:80", "[2001:db8::1]:80". */
bool ftun_socket_address_parse(const char *text, struct ftun_socket_address *out);

/* "192.0.2.0/24", "2001:db8::/32", or an address alone; bits beyond the length are cleared. */
bool ftun_prefix_parse(const char *text, struct ftun_prefix *out);

#endif
