/* Lines on standard error: a level and one event. */
#ifndef FTUN_FTUN_LOG_H
#define FTUN_FTUN_LOG_H

#include <stdbool.h>

enum ftun_log_level { FTUN_LOG_ERROR, FTUN_LOG_WARNING, FTUN_LOG_INFO, FTUN_LOG_DEBUG };

/* Write lines up to this level; INFO from the start. */
void ftun_log_set_level(enum ftun_log_level level);

bool ftun_log_enabled(enum ftun_log_level level);

/* One line, as printf does, without a final newline. */
void ftun_log(enum ftun_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
