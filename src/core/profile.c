#include "profile.h"

/* As the kernel of test_kernel_oracle.py, 6.18, shows itself; the options in the order of
 * tcp_options_write(), space and scale from the default net.ipv4.tcp_rmem there. */
const struct ftun_profile ftun_profile_linux = {
    .name = "linux",
    .random_isn = true,
    .random_ip_id = true,
    .flow_label = true,
    .push_bursts = true,
    .close_by_reset = false,
    .acknowledges_often = true,
    .resumes = true,
    .host_windows = true,
    .receive_space = 65536,
    .window_scale = 10,
    .timestamps = false,
    .ttl = 64,
    .syn_options_count = 4,
    .syn_options = {FTUN_TCP_OPTION_MSS, FTUN_TCP_OPTION_SACK_PERMITTED, FTUN_TCP_OPTION_TIMESTAMPS,
                    FTUN_TCP_OPTION_WINDOW_SCALE},
};

const struct ftun_profile ftun_profile_phantun = {
    .name = "phantun",
    .random_isn = false,
    .random_ip_id = false,
    .flow_label = false,
    .push_bursts = false,
    .close_by_reset = true,
    .acknowledges_often = false, /* it acknowledges after 128 MiB only */
    .resumes = false,
    .host_windows = false,
    .receive_space = UINT32_MAX, /* 65535 in every segment, the SYN included */
    .window_scale = 14,
    .timestamps = false,
    .ttl = 64,
    .syn_options_count = 1,
    .syn_options = {FTUN_TCP_OPTION_WINDOW_SCALE},
};

struct ftun_profile ftun_profile_on_host(const struct ftun_profile *profile,
                                         const struct ftun_host *host)
{
    struct ftun_profile here = *profile;
    if (profile->host_windows && host->receive_space != 0) {
        here.receive_space = host->receive_space;
        here.window_scale = host->window_scale;
    }
    here.timestamps = profile->timestamps || host->timestamps;
    return here;
}

/* --- windows ------------------------------------------------------------------------------ */

uint32_t ftun_profile_first_window(const struct ftun_profile *profile, uint16_t payload)
{
    const uint32_t space = profile->receive_space;
    return space > payload ? space / payload * payload : space;
}

uint16_t ftun_profile_syn_window(const struct ftun_profile *profile, uint16_t payload)
{
    const uint32_t window = ftun_profile_first_window(profile, payload);
    return window < UINT16_MAX ? (uint16_t)window : UINT16_MAX;
}

/* --- options ------------------------------------------------------------------------------ */

bool ftun_profile_knows_timestamps(const struct ftun_profile *profile)
{
    for (size_t i = 0; i < profile->syn_options_count; i++)
        if (profile->syn_options[i] == FTUN_TCP_OPTION_TIMESTAMPS)
            return true;
    return false;
}

static bool may_send(const struct ftun_profile *profile, uint8_t kind,
                     const struct ftun_tcp_options *offered)
{
    switch (kind) {
    case FTUN_TCP_OPTION_WINDOW_SCALE:
        return offered == NULL || offered->has_window_scale;
    case FTUN_TCP_OPTION_SACK_PERMITTED:
        return offered == NULL || offered->sack_permitted;
    case FTUN_TCP_OPTION_TIMESTAMPS:
        return offered == NULL ? profile->timestamps : offered->has_timestamps;
    default:
        return true;
    }
}

/* Those of the profile's options that this segment has; returns how many. */
static size_t choose(const struct ftun_profile *profile, const struct ftun_tcp_options *offered,
                     uint8_t *kinds)
{
    size_t count = 0;
    for (size_t i = 0; i < profile->syn_options_count; i++)
        if (may_send(profile, profile->syn_options[i], offered))
            kinds[count++] = profile->syn_options[i];
    return count;
}

size_t ftun_profile_syn_options(const struct ftun_profile *profile,
                                const struct ftun_tcp_options *values,
                                const struct ftun_tcp_options *offered, uint8_t *out)
{
    uint8_t kinds[sizeof profile->syn_options] = {0};
    const size_t count = choose(profile, offered, kinds);
    struct ftun_tcp_options named = *values;
    named.window_scale = profile->window_scale;
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        const uint8_t next = i + 1 < count ? kinds[i + 1] : FTUN_TCP_OPTION_END;
        len = ftun_tcp_option_append_aligned(out, len, kinds[i], next, &named);
    }
    return len;
}
