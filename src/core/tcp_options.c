#include "tcp_options.h"

#include "bytes.h"

/* Length of an option whose length is fixed, else 0. */
static size_t fixed_length(uint8_t kind)
{
    switch (kind) {
    case FTUN_TCP_OPTION_MSS:
        return 4;
    case FTUN_TCP_OPTION_WINDOW_SCALE:
        return 3;
    case FTUN_TCP_OPTION_SACK_PERMITTED:
        return 2;
    case FTUN_TCP_OPTION_TIMESTAMPS:
        return 10;
    default:
        return 0;
    }
}

/* RFC 7323 2.3: a larger shift is to be taken as 14. */
static uint8_t scale_within_limit(uint8_t scale)
{
    return scale < FTUN_WINDOW_SCALE_MAX ? scale : (uint8_t)FTUN_WINDOW_SCALE_MAX;
}

static void note(uint8_t kind, const uint8_t *option, struct ftun_tcp_options *out)
{
    switch (kind) {
    case FTUN_TCP_OPTION_MSS:
        out->has_mss = true;
        out->mss = ftun_load_be16(option + 2);
        break;
    case FTUN_TCP_OPTION_WINDOW_SCALE:
        out->has_window_scale = true;
        out->window_scale = scale_within_limit(option[2]);
        break;
    case FTUN_TCP_OPTION_SACK_PERMITTED:
        out->sack_permitted = true;
        break;
    case FTUN_TCP_OPTION_TIMESTAMPS:
        out->has_timestamps = true;
        out->timestamp_value = ftun_load_be32(option + 2);
        out->timestamp_echo = ftun_load_be32(option + 6);
        break;
    default:
        break;
    }
}

enum ftun_tcp_option_step ftun_tcp_option_step(const uint8_t *options, size_t len, size_t *off,
                                               struct ftun_tcp_options *out)
{
    const uint8_t kind = options[*off];
    if (kind == FTUN_TCP_OPTION_END)
        return FTUN_TCP_OPTION_LAST;
    if (kind == FTUN_TCP_OPTION_NOP) {
        *off += 1;
        return FTUN_TCP_OPTION_TAKEN;
    }
    if (*off + 2 > len)
        return FTUN_TCP_OPTION_MALFORMED;
    const size_t option_len = options[*off + 1];
    const size_t fixed_len = fixed_length(kind);
    if (fixed_len != 0 && fixed_len != option_len)
        return FTUN_TCP_OPTION_MALFORMED;
    if (option_len < 2 || *off + option_len > len)
        return FTUN_TCP_OPTION_MALFORMED;
    if (fixed_len != 0)
        note(kind, options + *off, out);
    *off += option_len;
    return FTUN_TCP_OPTION_TAKEN;
}

bool ftun_tcp_options_parse(const uint8_t *options, size_t len, struct ftun_tcp_options *out)
{
    *out = (struct ftun_tcp_options){0};
    size_t off = 0;
    while (off < len) {
        switch (ftun_tcp_option_step(options, len, &off, out)) {
        case FTUN_TCP_OPTION_TAKEN:
            break;
        case FTUN_TCP_OPTION_LAST:
            return true;
        case FTUN_TCP_OPTION_MALFORMED:
            return false;
        }
    }
    return true;
}

static void write_values(uint8_t *option, enum ftun_tcp_option_kind kind,
                         const struct ftun_tcp_options *values)
{
    if (kind == FTUN_TCP_OPTION_MSS)
        ftun_store_be16(option + 2, values->mss);
    else if (kind == FTUN_TCP_OPTION_WINDOW_SCALE)
        option[2] = values->window_scale;
    else if (kind == FTUN_TCP_OPTION_TIMESTAMPS) {
        ftun_store_be32(option + 2, values->timestamp_value);
        ftun_store_be32(option + 6, values->timestamp_echo);
    }
}

size_t ftun_tcp_option_append(uint8_t *out, size_t len, enum ftun_tcp_option_kind kind,
                              const struct ftun_tcp_options *values)
{
    const bool single = kind == FTUN_TCP_OPTION_NOP || kind == FTUN_TCP_OPTION_END;
    const size_t option_len = single ? 1 : fixed_length((uint8_t)kind);
    if (option_len == 0 || len + option_len > FTUN_TCP_OPTIONS_MAX)
        return len;
    out[len] = (uint8_t)kind;
    if (!single)
        out[len + 1] = (uint8_t)option_len;
    write_values(out + len, kind, values);
    return len + option_len;
}

size_t ftun_tcp_option_append_aligned(uint8_t *out, size_t len, uint8_t kind, uint8_t next,
                                      const struct ftun_tcp_options *values)
{
    const bool shares_words =
        kind == FTUN_TCP_OPTION_SACK_PERMITTED && next == FTUN_TCP_OPTION_TIMESTAMPS;
    const size_t behind_word = shares_words ? 0 : (len + fixed_length(kind)) % 4;
    for (size_t i = behind_word; i != 0 && i < 4; i++)
        len = ftun_tcp_option_append(out, len, FTUN_TCP_OPTION_NOP, values);
    return ftun_tcp_option_append(out, len, (enum ftun_tcp_option_kind)kind, values);
}

size_t ftun_tcp_timestamps_write(uint32_t value, uint32_t echo, uint8_t *out)
{
    const struct ftun_tcp_options values = {.timestamp_value = value, .timestamp_echo = echo};
    return ftun_tcp_option_append_aligned(out, 0, FTUN_TCP_OPTION_TIMESTAMPS, FTUN_TCP_OPTION_END,
                                          &values);
}
