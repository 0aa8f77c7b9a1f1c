#include "profile.h"
#include "prove.h"

static void write_options(const struct ftun_profile *profile,
                          const struct ftun_tcp_options *offered)
{
    uint8_t out[FTUN_TCP_OPTIONS_MAX];
    const size_t len = ftun_profile_syn_options(profile, any_u16(), offered, out);
    //@ assert len <= FTUN_TCP_OPTIONS_MAX;
}

int main(void)
{
    struct ftun_tcp_options offered;
    any_bytes(&offered, sizeof offered);
    offered.has_window_scale = any_bool();
    offered.sack_permitted = any_bool();
    write_options(&ftun_profile_linux, NULL);
    write_options(&ftun_profile_linux, &offered);
    write_options(&ftun_profile_phantun, NULL);
    write_options(&ftun_profile_phantun, &offered);
    return 0;
}
