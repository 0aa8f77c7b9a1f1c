/* Expectations: texts that the output is compared with. */
#ifndef FTUN_REPLAY_EXPECT_H
#define FTUN_REPLAY_EXPECT_H

#include "replay_options.h"

/* Compare `text` with the file at `path`; a difference goes to the standard output, like a unified
 * diff: the lines between the first and the last that differ. FTUN_REPLAY_OK, _DIFFERS, or
 * _FAILED and the reason. */
enum ftun_replay_exit ftun_expect_compare(const char *path, const char *text,
                                          struct ftun_error *error);

/* Write `text` to the file at `path`. FTUN_REPLAY_OK, or _FAILED and the reason. */
enum ftun_replay_exit ftun_expect_write(const char *path, const char *text,
                                        struct ftun_error *error);

#endif
