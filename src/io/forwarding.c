#include "forwarding.h"

#include <stdio.h>
#include <string.h>

static void switch_path(const char *link, int family, char out[FTUN_SYSCTL_PATH_MAX])
{
    /* IPv6 has a switch for each link since Linux 6.17, IPv4 always had */
    snprintf(out, FTUN_SYSCTL_PATH_MAX, "net/ipv%d/conf/%s/%sforwarding", family, link,
             family == 6 ? "force_" : "");
}

static const char ipv6_everywhere[] = "net/ipv6/conf/all/forwarding";

/* Before Linux 6.17 IPv6 forwards on all links or none. */
static bool ipv6_forwards_by_link(const char *tun)
{
    char path[FTUN_SYSCTL_PATH_MAX];
    switch_path(tun, 6, path);
    return ftun_sysctls_exists(path);
}

/* A host that forwards ignores router advertisements unless accept_ra says 2: on every link. */
static bool forward_ipv6_everywhere(struct ftun_sysctls *sysctls, struct ftun_error *error)
{
    struct ftun_links all;
    if (!ftun_links_all(&all, error))
        return false;
    for (int i = 0; i < all.count; i++) {
        char path[FTUN_SYSCTL_PATH_MAX];
        snprintf(path, sizeof path, "net/ipv6/conf/%s/accept_ra", all.at[i].name);
        if (!all.at[i].loopback && ftun_sysctls_exists(path) &&
            !ftun_sysctls_want(sysctls, path, "2", error))
            return false;
    }
    return ftun_sysctls_want(sysctls, ipv6_everywhere, "1", error);
}

bool ftun_forwarding_from_tun(const char *tun, enum ftun_family family, struct ftun_error *error)
{
    char path[FTUN_SYSCTL_PATH_MAX];
    switch_path(tun, (int)family, path);
    return (family == FTUN_IPV6 && !ipv6_forwards_by_link(tun)) ||
           ftun_sysctls_write(path, "1", error);
}

bool ftun_forwarding_from_links(struct ftun_sysctls *sysctls, const char *tun,
                                enum ftun_family family, const struct ftun_links *links,
                                struct ftun_error *error)
{
    char path[FTUN_SYSCTL_PATH_MAX];
    if (family == FTUN_IPV6 && !ipv6_forwards_by_link(tun))
        return links->count == 0 || forward_ipv6_everywhere(sysctls, error);
    for (int i = 0; i < links->count; i++) {
        switch_path(links->at[i].name, (int)family, path);
        if (!ftun_sysctls_exists(path)) /* a link too small for IPv6 has none of it */
            continue;
        if (!ftun_sysctls_want(sysctls, path, "1", error))
            return false;
    }
    return true;
}

static bool is_guarded(const struct ftun_sysctls *sysctls, const char *link, int family)
{
    char path[FTUN_SYSCTL_PATH_MAX];
    switch_path(link, family, path);
    return ftun_sysctls_differs(sysctls, path, "1");
}

size_t ftun_forwarding_guarded(const struct ftun_sysctls *sysctls, const struct ftun_links *links,
                               bool ipv4, bool ipv6, struct ftun_guarded_link *guarded)
{
    size_t kept = 0;
    for (int i = 0; i < links->count; i++) {
        struct ftun_guarded_link *link = &guarded[kept];
        link->ipv4 = ipv4 && is_guarded(sysctls, links->at[i].name, 4);
        link->ipv6 = ipv6 && is_guarded(sysctls, links->at[i].name, 6);
        memcpy(link->name, links->at[i].name, sizeof link->name);
        if (link->ipv4 || link->ipv6)
            kept++;
    }
    return kept;
}

bool ftun_forwarding_ipv6_everywhere(const struct ftun_sysctls *sysctls, const char *tun)
{
    return !ipv6_forwards_by_link(tun) && ftun_sysctls_differs(sysctls, ipv6_everywhere, "1");
}
