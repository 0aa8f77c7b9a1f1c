/* The texts of `ftun help` and `ftun COMMAND --help`. */
#ifndef FTUN_FTUN_HELP_H
#define FTUN_FTUN_HELP_H

extern const char ftun_help_overview[];
extern const char ftun_help_client[];
extern const char ftun_help_server[];
extern const char ftun_help_rules[];

#endif
