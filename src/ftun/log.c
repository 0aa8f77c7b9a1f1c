#include "log.h"

#include <stdarg.h>
#include <stdio.h>

static enum ftun_log_level threshold = FTUN_LOG_INFO;

void ftun_log_set_level(enum ftun_log_level level)
{
    threshold = level;
}

bool ftun_log_enabled(enum ftun_log_level level)
{
    return level <= threshold;
}

/* Whole lines in one write: several threads or programs may share standard error. */
void ftun_log(enum ftun_log_level level, const char *format, ...)
{
    static const char *const names[] = {"error  ", "warning", "info   ", "debug  "};
    if (!ftun_log_enabled(level))
        return;
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    fprintf(stderr, "%s %s\n", names[level], line);
}
