#include "text.h"

#include "bytes.h"

struct ftun_text ftun_text_start(char *out, size_t capacity)
{
    out[0] = '\0';
    return (struct ftun_text){.out = out, .capacity = capacity};
}

void ftun_text_char(struct ftun_text *text, char c)
{
    if (text->len + 1 >= text->capacity)
        return;
    text->out[text->len++] = c;
    text->out[text->len] = '\0';
}

void ftun_text_string(struct ftun_text *text, const char *string)
{
    while (*string != '\0')
        ftun_text_char(text, *string++);
}

void ftun_text_unsigned(struct ftun_text *text, uint64_t value)
{
    char digits[20]; /* of UINT64_MAX */
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    while (count > 0)
        ftun_text_char(text, digits[--count]);
}

static void hexadecimal(struct ftun_text *text, uint16_t value)
{
    static const char digits[] = "0123456789abcdef";
    bool leading = true;
    for (int shift = 12; shift >= 0; shift -= 4) {
        const unsigned digit = value >> shift & 0xf;
        leading = leading && digit == 0 && shift > 0;
        if (!leading)
            ftun_text_char(text, digits[digit]);
    }
}

static void ipv4(struct ftun_text *text, const uint8_t *bytes)
{
    for (unsigned i = 0; i < 4; i++) {
        if (i > 0)
            ftun_text_char(text, '.');
        ftun_text_unsigned(text, bytes[i]);
    }
}

struct run {
    unsigned start, len; /* in 16-bit groups */
};

/* RFC 5952 4.2: the first of the longest runs of two or more zero groups. */
static struct run longest_zero_run(const uint8_t *bytes)
{
    struct run longest = {.start = 8, .len = 1};
    for (unsigned i = 0; i < 8; i++) {
        unsigned len = 0;
        while (i + len < 8 && ftun_load_be16(bytes + 2 * (i + len)) == 0)
            len++;
        if (len > longest.len)
            longest = (struct run){.start = i, .len = len};
    }
    return longest;
}

static void ipv6(struct ftun_text *text, const uint8_t *bytes)
{
    const struct run zeros = longest_zero_run(bytes);
    for (unsigned i = 0; i < 8; i++) {
        if (i == zeros.start) {
            ftun_text_string(text, "::");
            i += zeros.len - 1;
            continue;
        }
        if (i > 0 && i != zeros.start + zeros.len)
            ftun_text_char(text, ':');
        hexadecimal(text, ftun_load_be16(bytes + 2 * i));
    }
}

void ftun_text_address(struct ftun_text *text, const struct ftun_address *address)
{
    if (address->family == FTUN_IPV6)
        ipv6(text, address->bytes);
    else
        ipv4(text, address->bytes);
}

void ftun_text_socket_address(struct ftun_text *text, const struct ftun_socket_address *address)
{
    const bool bracketed = address->ip.family == FTUN_IPV6;
    if (bracketed)
        ftun_text_char(text, '[');
    ftun_text_address(text, &address->ip);
    if (bracketed)
        ftun_text_char(text, ']');
    ftun_text_char(text, ':');
    ftun_text_unsigned(text, address->port);
}

const char *ftun_address_string(const struct ftun_address *address, char out[FTUN_ADDRESS_TEXT])
{
    struct ftun_text text = ftun_text_start(out, FTUN_ADDRESS_TEXT);
    ftun_text_address(&text, address);
    return out;
}

const char *ftun_socket_address_string(const struct ftun_socket_address *address,
                                       char out[FTUN_ADDRESS_TEXT])
{
    struct ftun_text text = ftun_text_start(out, FTUN_ADDRESS_TEXT);
    ftun_text_socket_address(&text, address);
    return out;
}
