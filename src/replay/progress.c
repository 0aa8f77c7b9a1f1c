#include "progress.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LARGE = 64 << 20, /* bytes: what takes less than a tenth of a second needs no bar */
    WIDTH = 40,       /* characters */
    STEPS = 200
};

void ftun_progress_start(struct ftun_progress *progress, const char *path)
{
    struct stat file;
    *progress = (struct ftun_progress){0};
    if (isatty(STDERR_FILENO) && stat(path, &file) == 0 && S_ISREG(file.st_mode) &&
        file.st_size >= LARGE)
        progress->total = (uint64_t)file.st_size;
}

void ftun_progress_draw(struct ftun_progress *progress, uint64_t bytes)
{
    const uint64_t done = bytes < progress->total ? bytes : progress->total;
    const int filled = (int)(done * WIDTH / progress->total);
    fprintf(stderr, "\r[%.*s%*s] %3d %%", filled,
            "========================================", WIDTH - filled, "",
            (int)(done * 100 / progress->total));
    progress->next = bytes + progress->total / STEPS;
}

void ftun_progress_end(const struct ftun_progress *progress)
{
    if (progress->total > 0)
        fprintf(stderr, "\r%*s\r", WIDTH + 10, "");
}
