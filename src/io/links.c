#include "links.h"

#include "attachment.h"

#include <string.h>

bool ftun_links_all(struct ftun_links *links, struct ftun_error *error)
{
    links->count = ftun_netlink_links(links->at, FTUN_LINKS_MAX, error);
    if (links->count < FTUN_LINKS_MAX)
        return links->count >= 0;
    return ftun_fail(error,
                     "this host has %d network interfaces or more, too many for ftun to set "
                     "up; use --setup=none (ftun rules says how)",
                     FTUN_LINKS_MAX);
}

void ftun_links_of_server(const struct ftun_links *all, const char *tun, struct ftun_links *out)
{
    out->count = 0;
    for (int i = 0; i < all->count; i++) {
        const struct ftun_link *link = &all->at[i];
        if (link->up && !link->loopback && link->group != FTUN_LINK_GROUP &&
            strcmp(link->name, tun) != 0)
            out->at[out->count++] = *link;
    }
}

static bool is_named(const struct ftun_link *link, const char (*names)[IFNAMSIZ], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(link->name, names[i]) == 0)
            return true;
    return false;
}

void ftun_links_keep_named(struct ftun_links *links, const char (*names)[IFNAMSIZ], size_t count)
{
    int kept = 0;
    for (int i = 0; i < links->count; i++)
        if (count == 0 || is_named(&links->at[i], names, count))
            links->at[kept++] = links->at[i];
    links->count = kept;
}

void ftun_links_of_divert(const struct ftun_links *all, const char *tun,
                          const char (*names)[IFNAMSIZ], size_t count, struct ftun_links *out)
{
    out->count = 0;
    for (int i = 0; i < all->count; i++) {
        const struct ftun_link *link = &all->at[i];
        const bool chosen = count > 0 ? is_named(link, names, count) : !link->member;
        if (chosen && !link->loopback && strcmp(link->name, tun) != 0)
            out->at[out->count++] = *link;
    }
}

static bool leads_to(const struct ftun_link *link, const uint32_t *outgoing, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (outgoing[i] == link->index)
            return true;
    return false;
}

void ftun_links_of_client(const struct ftun_links *all, const struct ftun_remotes *remotes,
                          uint32_t mark, struct ftun_links *out)
{
    struct ftun_error ignored;
    struct ftun_route route;
    uint32_t outgoing[FTUN_REMOTES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < remotes->count; i++)
        if (ftun_netlink_route(&remotes->at[i].ip, mark, &route, &ignored))
            outgoing[count++] = route.link;
    out->count = 0;
    for (int i = 0; i < all->count; i++)
        if (leads_to(&all->at[i], outgoing, count))
            out->at[out->count++] = all->at[i];
}

bool ftun_links_contain(const struct ftun_links *links, const struct ftun_link *link)
{
    for (int i = 0; i < links->count; i++)
        if (links->at[i].index == link->index && strcmp(links->at[i].name, link->name) == 0)
            return true;
    return false;
}

uint32_t ftun_links_mtu(const struct ftun_links *links)
{
    uint32_t mtu = 0;
    for (int i = 0; i < links->count; i++)
        if (links->at[i].mtu > mtu)
            mtu = links->at[i].mtu;
    return mtu;
}
