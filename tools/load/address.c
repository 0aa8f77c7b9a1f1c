#include "address.h"

#include "pattern.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PORT_TEXT_ROOM = 6 };

struct host_and_port {
    char host[ADDRESS_TEXT_ROOM];
    const char *port;
};

static bool copy_host(struct host_and_port *parts, const char *host, const char *end)
{
    const size_t length = (size_t)(end - host);

    if (length == 0 || length >= sizeof parts->host)
        return false;
    memcpy(parts->host, host, length);
    parts->host[length] = '\0';
    return true;
}

static bool split_bracketed(const char *text, struct host_and_port *parts)
{
    const char *end = strchr(text, ']');

    if (!end || end[1] != ':')
        return false;
    parts->port = end + 2;
    return copy_host(parts, text + 1, end);
}

static bool split_plain(const char *text, struct host_and_port *parts)
{
    const char *colon = strchr(text, ':');

    /* A second colon is an IPv6 address without brackets: where its port begins is a guess. */
    if (!colon || strchr(colon + 1, ':'))
        return false;
    parts->port = colon + 1;
    return copy_host(parts, text, colon);
}

/* getaddrinfo() would take the lower 16 bits of any number, and nothing at all for 0. */
static bool is_port(const char *text)
{
    const size_t digits = strspn(text, "0123456789");

    return digits > 0 && digits < PORT_TEXT_ROOM && text[digits] == '\0' &&
           strtol(text, NULL, 10) <= UINT16_MAX;
}

bool address_parse(const char *text, struct address *address)
{
    const struct addrinfo hints = {
        .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
        .ai_socktype = SOCK_DGRAM,
    };
    struct addrinfo *found = NULL;
    struct host_and_port parts;
    const bool whole = text[0] == '[' ? split_bracketed(text, &parts) : split_plain(text, &parts);

    if (!whole || !is_port(parts.port) || getaddrinfo(parts.host, parts.port, &hints, &found) != 0)
        return false;
    memset(address, 0, sizeof *address);
    memcpy(&address->storage, found->ai_addr, found->ai_addrlen);
    address->length = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

void address_format(const struct address *address, char text[static ADDRESS_TEXT_ROOM])
{
    const bool bracketed = address->storage.ss_family == AF_INET6;
    char host[ADDRESS_TEXT_ROOM - PORT_TEXT_ROOM - 4];
    char port[PORT_TEXT_ROOM];
    const int failed =
        getnameinfo((const struct sockaddr *)&address->storage, address->length, host, sizeof host,
                    port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);

    if (failed)
        snprintf(text, ADDRESS_TEXT_ROOM, "(no address)");
    else
        snprintf(text, ADDRESS_TEXT_ROOM, bracketed ? "[%s]:%s" : "%s:%s", host, port);
}

bool address_equal(const struct address *left, const struct address *right)
{
    return left->length == right->length &&
           memcmp(&left->storage, &right->storage, left->length) == 0;
}

size_t address_hash(const struct address *address)
{
    uint64_t words[sizeof(struct sockaddr_in6) / sizeof(uint64_t) + 1] = {0};
    uint64_t hash = 0;

    memcpy(words, &address->storage,
           address->length < sizeof words ? address->length : sizeof words);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        hash = pattern_mix(hash ^ words[i]);
    return (size_t)hash;
}
