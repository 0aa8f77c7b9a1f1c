#ifndef LOAD_FAIL_H
#define LOAD_FAIL_H

/** Say on stderr why the program cannot go on, in one line, and exit with status 1. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Say on stderr what is wrong with the command line, in one line, and exit with status 2. */
_Noreturn void fail_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
