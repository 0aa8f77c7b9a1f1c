/* Kernel settings that ftun changes while it runs, and puts back: by the last of the instances
 * that want one, and after a `kill -9` by the next instance to start.
 *
 * /run/ftun/net-<cookie of the network namespace>/
 *     changed        the settings that ftun has changed, and their values before
 *     user-<pid>     held (flock) by a living instance; lists the settings that it wants
 *
 * Callers see to it that one instance at a time is in here (attachment.c has the lock). */
#ifndef FTUN_IO_SYSCTLS_H
#define FTUN_IO_SYSCTLS_H

#include "error.h"

enum { FTUN_SYSCTLS_MAX = 1024, FTUN_SYSCTL_PATH_MAX = 96 };

struct ftun_sysctls {
    char directory[64];
    int user_fd; /* of this instance's user file; -1: not open */
};

/* Begin: put back what dead instances left, register this one. */
bool ftun_sysctls_open(struct ftun_sysctls *sysctls, struct ftun_error *error);

/* Want the setting `path` (below /proc/sys/) to be `value`; nothing is written when it is. May be
 * called again, when the setting has been made anew with what it is about. */
bool ftun_sysctls_want(struct ftun_sysctls *sysctls, const char *path, const char *value,
                       struct ftun_error *error);

/* Does the setting exist? */
bool ftun_sysctls_exists(const char *path);

/* Write a setting that dies with what it is about, a link of ftun's own: nothing to put back. */
bool ftun_sysctls_write(const char *path, const char *value, struct ftun_error *error);

/* Would it have another value than `value` if ftun did not run? */
bool ftun_sysctls_differs(const struct ftun_sysctls *sysctls, const char *path, const char *value);

/* End: put back what nobody else wants. Nothing when not open. */
void ftun_sysctls_close(struct ftun_sysctls *sysctls);

#endif
