#include "sysctls.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* asm-generic/socket.h, since 5.14 */
#endif

enum { VALUE_MAX = 32, FILE_PATH_MAX = 192, USER_NAME_MAX = 32 };

struct setting {
    char path[FTUN_SYSCTL_PATH_MAX];
    char value[VALUE_MAX];
};

struct settings {
    int count;
    struct setting at[FTUN_SYSCTLS_MAX];
};

/* --- /proc/sys ---------------------------------------------------------------------------- */

static bool read_value(const char *path, char value[VALUE_MAX])
{
    char file_path[FILE_PATH_MAX];
    snprintf(file_path, sizeof file_path, "/proc/sys/%s", path);
    FILE *file = fopen(file_path, "re");
    if (file == NULL)
        return false;
    const bool done = fscanf(file, "%31s", value) == 1;
    fclose(file);
    return done;
}

static bool write_value(const char *path, const char *value)
{
    char file_path[FILE_PATH_MAX];
    snprintf(file_path, sizeof file_path, "/proc/sys/%s", path);
    const int fd = open(file_path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    const bool done = write(fd, value, strlen(value)) > 0;
    const int cause = errno;
    close(fd);
    errno = cause;
    return done;
}

bool ftun_sysctls_write(const char *path, const char *value, struct ftun_error *error)
{
    char now[VALUE_MAX];
    if (read_value(path, now) && strcmp(now, value) == 0)
        return true;
    return write_value(path, value) ||
           ftun_fail(error,
                     "cannot set /proc/sys/%s to %s: %s; set it by hand and use --setup=none", path,
                     value, strerror(errno));
}

bool ftun_sysctls_exists(const char *path)
{
    char value[VALUE_MAX];
    return read_value(path, value);
}

/* --- state files -------------------------------------------------------------------------- */

static void state_path(const struct ftun_sysctls *sysctls, const char *name,
                       char out[FILE_PATH_MAX])
{
    snprintf(out, FILE_PATH_MAX, "%s/%.64s", sysctls->directory, name);
}

static void load(const struct ftun_sysctls *sysctls, const char *name, struct settings *settings)
{
    char path[FILE_PATH_MAX];
    state_path(sysctls, name, path);
    settings->count = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return;
    while (settings->count < FTUN_SYSCTLS_MAX) {
        struct setting *setting = &settings->at[settings->count];
        if (fscanf(file, "%95s %31s", setting->path, setting->value) != 2)
            break;
        settings->count++;
    }
    fclose(file);
}

/* Written beside and renamed: a crash leaves the old list or the new one. */
static bool save(const struct ftun_sysctls *sysctls, const struct settings *settings)
{
    char path[FILE_PATH_MAX];
    char fresh[FILE_PATH_MAX];
    state_path(sysctls, "changed", path);
    state_path(sysctls, "changed.new", fresh);
    FILE *file = fopen(fresh, "we");
    if (file == NULL)
        return false;
    for (int i = 0; i < settings->count; i++)
        fprintf(file, "%s %s\n", settings->at[i].path, settings->at[i].value);
    const bool written = ferror(file) == 0;
    return fclose(file) == 0 && written && rename(fresh, path) == 0;
}

static bool contains(const struct settings *settings, const char *path)
{
    for (int i = 0; i < settings->count; i++)
        if (strcmp(settings->at[i].path, path) == 0)
            return true;
    return false;
}

/* --- who wants what ----------------------------------------------------------------------- */

static bool is_alive(const char *path)
{
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return false;
    const bool locked = flock(fd, LOCK_EX | LOCK_NB) != 0;
    close(fd);
    return locked;
}

static void add(struct settings *settings, const struct settings *more)
{
    for (int i = 0; i < more->count && settings->count < FTUN_SYSCTLS_MAX; i++)
        if (!contains(settings, more->at[i].path))
            settings->at[settings->count++] = more->at[i];
}

/* All that living instances want; files of dead ones are removed. */
static void collect_wanted(const struct ftun_sysctls *sysctls, struct settings *wanted)
{
    wanted->count = 0;
    DIR *directory = opendir(sysctls->directory);
    if (directory == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (strncmp(entry->d_name, "user-", 5) != 0)
            continue;
        char path[FILE_PATH_MAX];
        state_path(sysctls, entry->d_name, path);
        struct settings theirs;
        load(sysctls, entry->d_name, &theirs);
        if (is_alive(path))
            add(wanted, &theirs);
        else
            unlink(path);
    }
    closedir(directory);
}

/* Somebody (Docker, a VPN, the administrator) has made the host a router meanwhile: forwarding is
 * theirs now. */
static bool is_superseded(const char *path)
{
    char all[VALUE_MAX];
    return strncmp(path, "net/ipv4/conf/", 14) == 0 && read_value("net/ipv4/ip_forward", all) &&
           strcmp(all, "1") == 0;
}

/* Put back what nobody wants any more. Returns how many changed settings are left. */
static int put_back_unwanted(const struct ftun_sysctls *sysctls)
{
    struct settings wanted;
    struct settings changed;
    struct settings kept = {0};
    collect_wanted(sysctls, &wanted);
    load(sysctls, "changed", &changed);
    for (int i = 0; i < changed.count; i++) {
        if (contains(&wanted, changed.at[i].path))
            kept.at[kept.count++] = changed.at[i];
        else if (!is_superseded(changed.at[i].path))
            write_value(changed.at[i].path, changed.at[i].value); /* a link may be gone: fine */
    }
    save(sysctls, &kept);
    return kept.count;
}

/* A namespace's inode number comes again once it is gone, its cookie never (Linux 5.14). */
static bool identify_namespace(uint64_t *identity)
{
    socklen_t len = sizeof *identity;
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const bool has_cookie =
        fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, identity, &len) == 0;
    if (fd >= 0)
        close(fd);
    struct stat netns;
    if (has_cookie)
        return true;
    if (stat("/proc/self/ns/net", &netns) != 0)
        return false;
    *identity = netns.st_ino;
    return true;
}

static bool make_directory(struct ftun_sysctls *sysctls, struct ftun_error *error)
{
    uint64_t identity;
    if (!identify_namespace(&identity))
        return ftun_fail(error, "cannot read /proc/self/ns/net: %s", strerror(errno));
    snprintf(sysctls->directory, sizeof sysctls->directory, "/run/ftun/net-%llu",
             (unsigned long long)identity);
    if ((mkdir("/run/ftun", 0755) != 0 && errno != EEXIST) ||
        (mkdir(sysctls->directory, 0755) != 0 && errno != EEXIST))
        return ftun_fail(error, "cannot make %s: %s; --setup=none does without it",
                         sysctls->directory, strerror(errno));
    return true;
}

static void user_name(char name[USER_NAME_MAX])
{
    snprintf(name, USER_NAME_MAX, "user-%d", (int)getpid());
}

static void user_path(const struct ftun_sysctls *sysctls, char path[FILE_PATH_MAX])
{
    char name[USER_NAME_MAX];
    user_name(name);
    state_path(sysctls, name, path);
}

/* Has this instance said so before? */
static bool is_wanted(const struct ftun_sysctls *sysctls, const char *path)
{
    char name[USER_NAME_MAX];
    struct settings mine;
    user_name(name);
    load(sysctls, name, &mine);
    return contains(&mine, path);
}

bool ftun_sysctls_open(struct ftun_sysctls *sysctls, struct ftun_error *error)
{
    char path[FILE_PATH_MAX];
    sysctls->user_fd = -1;
    if (!make_directory(sysctls, error))
        return false;
    put_back_unwanted(sysctls);
    user_path(sysctls, path);
    sysctls->user_fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (sysctls->user_fd < 0)
        return ftun_fail(error, "cannot write %s: %s", path, strerror(errno));
    flock(sysctls->user_fd, LOCK_EX | LOCK_NB);
    return true;
}

/* Remember the old value before the new one is written: a crash in between puts back nothing
 * worse than what was there. */
static bool change(struct ftun_sysctls *sysctls, const char *path, const char *before,
                   const char *value)
{
    struct settings changed;
    load(sysctls, "changed", &changed);
    if (!contains(&changed, path)) {
        if (changed.count == FTUN_SYSCTLS_MAX) {
            errno = ENOSPC;
            return false;
        }
        struct setting *setting = &changed.at[changed.count++];
        snprintf(setting->path, sizeof setting->path, "%s", path);
        snprintf(setting->value, sizeof setting->value, "%s", before);
        if (!save(sysctls, &changed))
            return false;
    }
    return write_value(path, value);
}

bool ftun_sysctls_want(struct ftun_sysctls *sysctls, const char *path, const char *value,
                       struct ftun_error *error)
{
    char before[VALUE_MAX];
    bool done =
        (is_wanted(sysctls, path) || dprintf(sysctls->user_fd, "%s %s\n", path, value) > 0) &&
        read_value(path, before);
    if (done && strcmp(before, value) != 0)
        done = change(sysctls, path, before, value);
    return done || ftun_fail(error,
                             "cannot set /proc/sys/%s to %s: %s; set it by hand and use "
                             "--setup=none",
                             path, value, strerror(errno));
}

bool ftun_sysctls_differs(const struct ftun_sysctls *sysctls, const char *path, const char *value)
{
    char now[VALUE_MAX];
    struct settings changed;
    load(sysctls, "changed", &changed);
    return contains(&changed, path) || (read_value(path, now) && strcmp(now, value) != 0);
}

void ftun_sysctls_close(struct ftun_sysctls *sysctls)
{
    if (sysctls->user_fd < 0)
        return;
    char path[FILE_PATH_MAX];
    user_path(sysctls, path);
    unlink(path);
    close(sysctls->user_fd);
    sysctls->user_fd = -1;
    if (put_back_unwanted(sysctls) > 0)
        return;
    state_path(sysctls, "changed", path);
    unlink(path);
    rmdir(sysctls->directory); /* stays when another instance is in it */
}
