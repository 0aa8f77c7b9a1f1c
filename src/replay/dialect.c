#include "dialect.h"

#include "tcp_options.h"

#include <string.h>

/* Kinds of options in order, as tcp_options_write() of Linux and Phantun's build_tcp_packet() leave
 * them; see pcaps/peers. */
static const uint8_t linux_plain[] = {FTUN_TCP_OPTION_MSS, FTUN_TCP_OPTION_NOP,
                                      FTUN_TCP_OPTION_NOP, FTUN_TCP_OPTION_SACK_PERMITTED,
                                      FTUN_TCP_OPTION_NOP, FTUN_TCP_OPTION_WINDOW_SCALE};
static const uint8_t linux_timestamps[] = {FTUN_TCP_OPTION_MSS, FTUN_TCP_OPTION_SACK_PERMITTED,
                                           FTUN_TCP_OPTION_TIMESTAMPS, FTUN_TCP_OPTION_NOP,
                                           FTUN_TCP_OPTION_WINDOW_SCALE};
static const uint8_t phantun[] = {FTUN_TCP_OPTION_NOP, FTUN_TCP_OPTION_WINDOW_SCALE};

/* The kinds in order; returns how many. */
static size_t list_kinds(const struct ftun_tcp_header *syn, uint8_t kinds[FTUN_TCP_OPTIONS_MAX])
{
    struct ftun_tcp_options ignored;
    size_t count = 0;
    size_t off = 0;
    enum ftun_tcp_option_step step = FTUN_TCP_OPTION_TAKEN;
    while (off < syn->options_len && step == FTUN_TCP_OPTION_TAKEN) {
        kinds[count++] = syn->options[off];
        step = ftun_tcp_option_step(syn->options, syn->options_len, &off, &ignored);
    }
    return count;
}

#define SAME(kinds, count, known) ((count) == sizeof(known) && memcmp(kinds, known, count) == 0)

enum ftun_dialect ftun_dialect_of(const struct ftun_tcp_header *syn)
{
    uint8_t kinds[FTUN_TCP_OPTIONS_MAX];
    const size_t count = list_kinds(syn, kinds);
    if (SAME(kinds, count, linux_plain) || SAME(kinds, count, linux_timestamps))
        return FTUN_DIALECT_LINUX;
    if (SAME(kinds, count, phantun) && syn->sequence == 0)
        return FTUN_DIALECT_PHANTUN;
    return FTUN_DIALECT_OTHER;
}

const char *ftun_dialect_name(enum ftun_dialect dialect)
{
    switch (dialect) {
    case FTUN_DIALECT_UNSEEN:
        return "unseen";
    case FTUN_DIALECT_LINUX:
        return "linux";
    case FTUN_DIALECT_PHANTUN:
        return "phantun";
    case FTUN_DIALECT_OTHER:
        break;
    }
    return "other";
}
