#include "remotes.h"

static bool contain(const struct ftun_remotes *remotes, const struct ftun_socket_address *address)
{
    for (size_t i = 0; i < remotes->count; i++)
        if (ftun_socket_address_equal(&remotes->at[i], address))
            return true;
    return false;
}

void ftun_remotes_add(struct ftun_remotes *remotes, const struct ftun_socket_address *address)
{
    if (!contain(remotes, address) && remotes->count < FTUN_REMOTES_MAX)
        remotes->at[remotes->count++] = *address;
}

/* The first address from `i` on that is of this family, or is not; `count` when there is none. */
static size_t next_of(const struct ftun_socket_address *addresses, size_t count, size_t i,
                      uint8_t family, bool of_it)
{
    while (i < count && (addresses[i].ip.family == family) != of_it)
        i++;
    return i;
}

void ftun_remotes_interleave(struct ftun_remotes *remotes,
                             const struct ftun_socket_address *addresses, size_t count,
                             enum ftun_family first)
{
    *remotes = (struct ftun_remotes){0};
    if (count == 0)
        return;
    const uint8_t family = first == FTUN_FAMILY_NONE ? addresses[0].ip.family : (uint8_t)first;
    size_t of_it = next_of(addresses, count, 0, family, true);
    size_t other = next_of(addresses, count, 0, family, false);
    while (of_it < count || other < count) {
        if (of_it < count)
            ftun_remotes_add(remotes, &addresses[of_it++]);
        if (other < count)
            ftun_remotes_add(remotes, &addresses[other++]);
        of_it = next_of(addresses, count, of_it, family, true);
        other = next_of(addresses, count, other, family, false);
    }
}

bool ftun_remotes_have_family(const struct ftun_remotes *remotes, enum ftun_family family)
{
    for (size_t i = 0; i < remotes->count; i++)
        if (remotes->at[i].ip.family == family)
            return true;
    return false;
}

bool ftun_remotes_equal(const struct ftun_remotes *a, const struct ftun_remotes *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!contain(b, &a->at[i]))
            return false;
    return true;
}
