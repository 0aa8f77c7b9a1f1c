#include "setup_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    LOCK_TRIES = 200, /* ten seconds in all */
    LOCK_PAUSE_NS = 50000000
};

int ftun_setup_lock(bool wait)
{
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};
    mkdir("/run/ftun", 0755);
    const int fd = open("/run/ftun/lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    const int tries_max = wait ? LOCK_TRIES : 1;
    for (int tries = 0; fd >= 0 && tries < tries_max; tries++) {
        if (tries > 0)
            nanosleep(&pause, NULL);
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return fd;
    }
    const int cause = errno;
    if (fd >= 0)
        close(fd);
    errno = cause;
    return -1;
}

bool ftun_setup_lock_fail(struct ftun_error *error)
{
    return ftun_fail(error,
                     "cannot lock /run/ftun/lock: %s; ftun needs root for its set-up, or "
                     "--setup=none",
                     strerror(errno));
}
