#ifndef LOAD_JSON_H
#define LOAD_JSON_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Results leave as one JSON object on one line of stdout. A null `name` is for the outermost
 * object. Names and texts are the program's own and need no escaping.
 */

/** Begin an object. */
void json_open(const char *name);

/** End the innermost object; the outermost one also ends the line. */
void json_close(void);

/** A member that counts something. */
void json_count(const char *name, uint64_t value);

/** A member with a fraction, to six decimals. */
void json_number(const char *name, double value);

/** A member that is true or false. */
void json_flag(const char *name, bool value);

/** A member that is a word. */
void json_text(const char *name, const char *value);

#endif
