#include "profile.h"

const struct ftun_profile ftun_profile_linux = {
    .name = "linux",
    .random_isn = true,
    .random_ip_id = true,
    .push_bursts = true,
    .close_by_reset = false,
    .respects_window = true,
    .resumes = true,
    .syn_window =
        64240, /* 44 segments of 1460: tcp_select_initial_window() with tcp_rmem's 128 KiB */
    .window_scale = 10,
    .window = 65535,
    .ttl = 64,
    .syn_options_count = 6,
    .syn_options = {FTUN_TCP_OPTION_MSS, FTUN_TCP_OPTION_NOP, FTUN_TCP_OPTION_NOP,
                    FTUN_TCP_OPTION_SACK_PERMITTED, FTUN_TCP_OPTION_NOP,
                    FTUN_TCP_OPTION_WINDOW_SCALE},
};

const struct ftun_profile ftun_profile_phantun = {
    .name = "phantun",
    .random_isn = false,
    .random_ip_id = false,
    .push_bursts = false,
    .close_by_reset = true,
    .respects_window = false, /* it acknowledges after 128 MiB only */
    .resumes = false,
    .syn_window = 65535,
    .window_scale = 14,
    .window = 65535,
    .ttl = 64,
    .syn_options_count = 2,
    .syn_options = {FTUN_TCP_OPTION_NOP, FTUN_TCP_OPTION_WINDOW_SCALE},
};

static bool may_send(uint8_t kind, const struct ftun_tcp_options *offered)
{
    if (offered == NULL)
        return true;
    if (kind == FTUN_TCP_OPTION_WINDOW_SCALE)
        return offered->has_window_scale;
    if (kind == FTUN_TCP_OPTION_SACK_PERMITTED)
        return offered->sack_permitted;
    return true;
}

/* NOPs align the option behind them: they go where it goes. */
static uint8_t aligned_option(const struct ftun_profile *profile, size_t i)
{
    while (i + 1 < profile->syn_options_count && profile->syn_options[i] == FTUN_TCP_OPTION_NOP)
        i++;
    return profile->syn_options[i];
}

size_t ftun_profile_syn_options(const struct ftun_profile *profile, uint16_t mss,
                                const struct ftun_tcp_options *offered, uint8_t *out)
{
    const struct ftun_tcp_options values = {.mss = mss, .window_scale = profile->window_scale};
    size_t len = 0;
    for (size_t i = 0; i < profile->syn_options_count; i++) {
        if (!may_send(aligned_option(profile, i), offered))
            continue;
        len = ftun_tcp_option_append(out, len, (enum ftun_tcp_option_kind)profile->syn_options[i],
                                     &values);
    }
    while (len % 4 != 0)
        len = ftun_tcp_option_append(out, len, FTUN_TCP_OPTION_NOP, &values);
    return len;
}
