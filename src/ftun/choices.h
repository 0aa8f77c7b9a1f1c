/* The options that say how to attach, but for their names. */
#ifndef FTUN_FTUN_CHOICES_H
#define FTUN_FTUN_CHOICES_H

#include "options.h"

/* Each takes the value of one option; false with one line when it cannot be understood. */
bool ftun_choices_take_links(const char *value, struct ftun_attachment_choices *choices,
                             struct ftun_error *error);
bool ftun_choices_take_prefixes(const char *value, struct ftun_attachment_choices *choices,
                                struct ftun_error *error);
bool ftun_choices_take_ports(const char *value, struct ftun_attachment_choices *choices,
                             struct ftun_error *error);
bool ftun_choices_take_mark(const char *value, struct ftun_attachment_choices *choices,
                            struct ftun_error *error);

/* False when two of the options contradict each other, or one has no effect with another. */
bool ftun_choices_check(const struct ftun_options *options, struct ftun_error *error);

#endif
