/* Why something of the outside world failed: one line that names the thing and what to do. */
#ifndef FTUN_IO_ERROR_H
#define FTUN_IO_ERROR_H

#include <stdbool.h>

struct ftun_error {
    char text[512];
};

/* Write the line, as printf does, without a final newline. Returns false, so that a function can
 * end with `return ftun_fail(...)`. */
bool ftun_fail(struct ftun_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
