#include "json.h"

#include <inttypes.h>
#include <stdio.h>

static unsigned depth;
static bool comma_due;

static void begin_member(const char *name)
{
    if (comma_due)
        fputs(", ", stdout);
    if (name)
        printf("\"%s\": ", name);
    comma_due = true;
}

void json_open(const char *name)
{
    begin_member(name);
    putchar('{');
    comma_due = false;
    depth++;
}

void json_close(void)
{
    putchar('}');
    comma_due = true;
    depth--;
    if (depth > 0)
        return;
    putchar('\n');
    fflush(stdout);
    comma_due = false;
}

void json_count(const char *name, uint64_t value)
{
    begin_member(name);
    printf("%" PRIu64, value);
}

void json_number(const char *name, double value)
{
    begin_member(name);
    printf("%.6f", value);
}

void json_flag(const char *name, bool value)
{
    begin_member(name);
    fputs(value ? "true" : "false", stdout);
}

void json_text(const char *name, const char *value)
{
    begin_member(name);
    printf("\"%s\"", value);
}
