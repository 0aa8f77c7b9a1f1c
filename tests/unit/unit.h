/* What every unit test includes: cmocka, and makers of the values that tests speak of. */
#ifndef FTUN_TESTS_UNIT_H
#define FTUN_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "address.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

static inline struct ftun_address ipv4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    return (struct ftun_address){.bytes = {a, b, c, d}, .family = FTUN_IPV4};
}

/* 2001:db8::last */
static inline struct ftun_address ipv6(uint8_t last)
{
    return (struct ftun_address){.bytes = {0x20, 0x01, 0x0d, 0xb8, [15] = last},
                                 .family = FTUN_IPV6};
}

static inline struct ftun_socket_address at(struct ftun_address ip, uint16_t port)
{
    return (struct ftun_socket_address){.ip = ip, .port = port};
}

#endif
