#include "address_text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { HOST_MAX = 256 };

bool ftun_address_parse(const char *text, struct ftun_address *out)
{
    char plain[INET6_ADDRSTRLEN + 2];
    *out = (struct ftun_address){0};
    const size_t len = strlen(text);
    if (len >= sizeof plain)
        return false;
    const bool bracketed = len > 2 && text[0] == '[' && text[len - 1] == ']';
    snprintf(plain, sizeof plain, "%.*s", (int)(bracketed ? len - 2 : len),
             bracketed ? text + 1 : text);
    if (!bracketed && inet_pton(AF_INET, plain, out->bytes) == 1)
        out->family = FTUN_IPV4;
    else if (inet_pton(AF_INET6, plain, out->bytes) == 1)
        out->family = FTUN_IPV6;
    return out->family != FTUN_FAMILY_NONE;
}

bool ftun_port_parse(const char *text, uint16_t *out)
{
    char *end;
    errno = 0;
    const unsigned long value = strtoul(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] < '0' || text[0] > '9' || value == 0 ||
        value > UINT16_MAX)
        return false;
    *out = (uint16_t)value;
    return true;
}

bool ftun_host_port_split(const char *text, char *host, uint16_t *port)
{
    const char *const colon = strrchr(text, ':');
    if (colon == NULL || colon == text || !ftun_port_parse(colon + 1, port))
        return false;
    const char *start = text;
    size_t len = (size_t)(colon - text);
    if (text[0] == '[') {
        if (colon[-1] != ']' || len < 3)
            return false;
        start++;
        len -= 2;
    } else if (memchr(text, ':', len) != NULL) { /* IPv6 wants brackets */
        return false;
    }
    if (len >= HOST_MAX)
        return false;
    memcpy(host, start, len);
    host[len] = '\0';
    return true;
}

bool ftun_socket_address_parse(const char *text, struct ftun_socket_address *out)
{
    char host[HOST_MAX];
    return ftun_host_port_split(text, host, &out->port) && ftun_address_parse(host, &out->ip);
}

static void clear_beyond(struct ftun_prefix *prefix)
{
    for (unsigned bit = prefix->len; bit < 128; bit++)
        prefix->address.bytes[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
}

static bool parse_len(const char *text, unsigned most, uint8_t *out)
{
    char *end;
    const unsigned long len = strtoul(text, &end, 10);
    *out = (uint8_t)len;
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && len <= most;
}

bool ftun_prefix_parse(const char *text, struct ftun_prefix *out)
{
    char address[HOST_MAX];
    const char *const slash = strchr(text, '/');
    const size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
    if (len >= sizeof address)
        return false;
    snprintf(address, sizeof address, "%.*s", (int)len, text);
    if (!ftun_address_parse(address, &out->address))
        return false;
    const unsigned bits = out->address.family == FTUN_IPV6 ? 128 : 32;
    out->len = (uint8_t)bits;
    if (slash != NULL && !parse_len(slash + 1, bits, &out->len))
        return false;
    clear_beyond(out);
    return true;
}
