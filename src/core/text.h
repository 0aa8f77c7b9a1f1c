/* Text into a caller's buffer: always ended by a zero byte, silently cut when it does not fit. */
#ifndef FTUN_CORE_TEXT_H
#define FTUN_CORE_TEXT_H

#include "address.h"

#include <stddef.h>

struct ftun_text {
    char *out;
    size_t capacity; /* bytes, at least 1 */
    size_t len;      /* bytes written, the zero byte not counted */
};

struct ftun_text ftun_text_start(char *out, size_t capacity);

void ftun_text_char(struct ftun_text *text, char c);
void ftun_text_string(struct ftun_text *text, const char *string);
void ftun_text_unsigned(struct ftun_text *text, uint64_t value);

/* IPv4 as 192.0.2.1, IPv6 as RFC 5952 writes it. */
void ftun_text_address(struct ftun_text *text, const struct ftun_address *address);

/* 192.0.2.1:80 or [2001:db8::1]:80 */
void ftun_text_socket_address(struct ftun_text *text, const struct ftun_socket_address *address);

/* The same as whole strings: written to `out`, which is returned. */
#define FTUN_ADDRESS_TEXT 64u /* bytes: the longest and its zero byte */
const char *ftun_address_string(const struct ftun_address *address, char out[FTUN_ADDRESS_TEXT]);
const char *ftun_socket_address_string(const struct ftun_socket_address *address,
                                       char out[FTUN_ADDRESS_TEXT]);

#endif
