#include "profile.h"
#include "prove.h"

static struct ftun_profile on_some_host(const struct ftun_profile *profile)
{
    const struct ftun_host host = {.receive_space = any_u32(),
                                   .window_scale = (uint8_t)any_size(0, FTUN_WINDOW_SCALE_MAX),
                                   .timestamps = any_bool()};
    const struct ftun_profile here = ftun_profile_on_host(profile, &host);
    ftun_profile_knows_timestamps(&here);
    ftun_profile_syn_window(&here, Frama_C_unsigned_short_interval(1, UINT16_MAX));
    return here;
}

static void write_options(const struct ftun_profile *profile,
                          const struct ftun_tcp_options *offered)
{
    uint8_t out[FTUN_TCP_OPTIONS_MAX];
    struct ftun_tcp_options values;
    any_bytes(&values, sizeof values);
    const struct ftun_profile here = on_some_host(profile);
    const size_t len = ftun_profile_syn_options(&here, &values, offered, out);
    //@ assert len <= FTUN_TCP_OPTIONS_MAX;
}

int main(void)
{
    struct ftun_tcp_options offered;
    any_bytes(&offered, sizeof offered);
    offered.has_window_scale = any_bool();
    offered.sack_permitted = any_bool();
    offered.has_timestamps = any_bool();
    write_options(&ftun_profile_linux, NULL);
    write_options(&ftun_profile_linux, &offered);
    write_options(&ftun_profile_phantun, NULL);
    write_options(&ftun_profile_phantun, &offered);
    return 0;
}
