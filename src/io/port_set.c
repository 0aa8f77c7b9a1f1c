#include "port_set.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static uint64_t bit_of(uint16_t port)
{
    return UINT64_C(1) << port % 64;
}

void ftun_port_set_add(struct ftun_port_set *set, uint16_t port)
{
    set->bits[port / 64] |= bit_of(port);
}

void ftun_port_set_remove(struct ftun_port_set *set, uint16_t port)
{
    set->bits[port / 64] &= ~bit_of(port);
}

bool ftun_port_set_contains(const struct ftun_port_set *set, uint16_t port)
{
    return (set->bits[port / 64] & bit_of(port)) != 0;
}

bool ftun_port_set_is_empty(const struct ftun_port_set *set)
{
    static const struct ftun_port_set empty;
    return memcmp(set, &empty, sizeof empty) == 0;
}

bool ftun_port_set_meets(const struct ftun_port_set *set, struct ftun_port_range range)
{
    for (uint32_t port = range.first; port <= range.last; port++)
        if (ftun_port_set_contains(set, (uint16_t)port))
            return true;
    return false;
}

/* Returns what follows the number, NULL when there is none of 16 bits. */
static const char *parse_port(const char *text, uint16_t *port)
{
    char *end;
    if (!isdigit((unsigned char)text[0]))
        return NULL;
    const unsigned long value = strtoul(text, &end, 10);
    *port = (uint16_t)value;
    return value <= UINT16_MAX ? end : NULL;
}

static const char *parse_range(const char *text, struct ftun_port_set *set)
{
    struct ftun_port_range range = {0};
    const char *rest = parse_port(text, &range.first);
    range.last = range.first;
    if (rest != NULL && rest[0] == '-')
        rest = parse_port(rest + 1, &range.last);
    if (rest == NULL || range.last < range.first)
        return NULL;
    for (uint32_t port = range.first; port <= range.last; port++)
        ftun_port_set_add(set, (uint16_t)port);
    return rest;
}

bool ftun_port_set_parse(const char *text, struct ftun_port_set *set)
{
    *set = (struct ftun_port_set){0};
    const char *rest = text + strspn(text, " \t");
    if (!isdigit((unsigned char)rest[0]))
        return true;
    rest = parse_range(rest, set);
    while (rest != NULL && rest[0] == ',')
        rest = parse_range(rest + 1, set);
    return rest != NULL;
}

void ftun_port_set_write(FILE *out, const struct ftun_port_set *set)
{
    const char *comma = "";
    for (uint32_t first = 0; first <= UINT16_MAX; first++) {
        if (!ftun_port_set_contains(set, (uint16_t)first))
            continue;
        uint32_t last = first;
        while (last < UINT16_MAX && ftun_port_set_contains(set, (uint16_t)(last + 1)))
            last++;
        fprintf(out, last > first ? "%s%u-%u" : "%s%u", comma, first, last);
        comma = ",";
        first = last;
    }
}
