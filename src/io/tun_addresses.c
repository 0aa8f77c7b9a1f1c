#include "tun_addresses.h"

#include "netlink.h"

enum {
    CANDIDATES = 64, /* pairs in one /24, a subnet of 4 addresses each */
    WIDE_PREFIX = 16 /* bits: routes this wide or wider are somebody's detour, not a network here */
};

static struct ftun_tun_addresses candidate(enum ftun_role role, enum ftun_family family, unsigned k)
{
    struct ftun_tun_addresses out = {{.family = (uint8_t)family}, {.family = (uint8_t)family}};
    const uint8_t first = (uint8_t)(4 * k + 1);
    if (family == FTUN_IPV4) {
        const uint8_t net[] = {192, 168, role == FTUN_CLIENT ? 200 : 201};
        memcpy(out.host.bytes, net, sizeof net);
        out.host.bytes[3] = first;
    } else {
        out.host.bytes[0] = 0xfc;
        out.host.bytes[1] = role == FTUN_CLIENT ? 0xc8 : 0xc9;
        out.host.bytes[15] = first;
    }
    out.own = out.host;
    out.own.bytes[family == FTUN_IPV4 ? 3 : 15]++;
    return out;
}

struct ftun_tun_addresses ftun_tun_addresses_default(enum ftun_role role, enum ftun_family family)
{
    return candidate(role, family, 0);
}

static bool is_free(const struct ftun_address *address)
{
    struct ftun_route route;
    struct ftun_error ignored;
    if (!ftun_netlink_route(address, 0, &route, &ignored))
        return true;
    return !route.is_local && route.prefix_len <= WIDE_PREFIX;
}

bool ftun_tun_addresses_choose(enum ftun_role role, enum ftun_family family,
                               struct ftun_tun_addresses *out, struct ftun_error *error)
{
    for (unsigned k = 0; k < CANDIDATES; k++) {
        *out = candidate(role, family, k);
        if (is_free(&out->host) && is_free(&out->own))
            return true;
    }
    return ftun_fail(error,
                     "all IPv%d addresses that ftun tries for its TUN are in use here; name "
                     "two free ones with %s and %s",
                     (int)family, family == FTUN_IPV4 ? "--tun-local" : "--tun-local6",
                     family == FTUN_IPV4 ? "--tun-peer" : "--tun-peer6");
}
