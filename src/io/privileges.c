#include "privileges.h"

#include <cap-ng.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/utsname.h>

/* Until Linux 6.4 any use of a map asks for CAP_BPF where unprivileged BPF is switched off; since
 * then only making one does. */
static bool maps_are_privileged(void)
{
    struct utsname kernel;
    unsigned major, minor;
    return uname(&kernel) != 0 || sscanf(kernel.release, "%u.%u", &major, &minor) != 2 ||
           major < 6 || (major == 6 && minor < 4);
}

static bool may(unsigned capability)
{
    return capng_have_capability(CAPNG_PERMITTED, capability) == 1;
}

/* Which is the order of libcap-ng, too: the bounding set cannot be changed by who has no
 * CAP_SETPCAP any more. */
static bool apply(bool with_bounding_set)
{
    return (!with_bounding_set || capng_apply(CAPNG_SELECT_BOUNDS) == 0) &&
           capng_apply(CAPNG_SELECT_CAPS) == 0;
}

bool ftun_privileges_keep(const struct ftun_privileges *needed, struct ftun_error *error)
{
    const struct {
        unsigned capability;
        bool wanted;
    } rows[] = {
        {CAP_NET_ADMIN, true},
        {CAP_NET_BIND_SERVICE, needed->low_port},
        {CAP_BPF, needed->bpf_maps && maps_are_privileged()},
    };
    bool kept[sizeof rows / sizeof rows[0]];
    if (capng_get_caps_process() != 0)
        return ftun_fail(error, "cannot read this process's capabilities: %s", strerror(errno));
    const bool with_bounding_set = may(CAP_SETPCAP);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        kept[i] = rows[i].wanted && may(rows[i].capability);
    capng_clear(CAPNG_SELECT_ALL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (kept[i])
            capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, rows[i].capability);
    return (apply(with_bounding_set) && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) ||
           ftun_fail(error, "cannot give up privileges: %s", strerror(errno));
}
