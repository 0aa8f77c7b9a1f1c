#include "arguments.h"

#include "address.h"
#include "fail.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each flow is an open socket, and the hard limit of open files may be 20,000. */
enum { FLOWS_MOST = 16384 };

static struct argument *find(struct argument arguments[], size_t count, const char *name,
                             size_t length)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(arguments[i].name) == length && memcmp(arguments[i].name, name, length) == 0)
            return &arguments[i];
    }
    return NULL;
}

static void set_switch(struct argument *argument, const char *value)
{
    bool *target = argument->target;

    if (value)
        fail_usage("--%s takes no value", argument->name);
    *target = true;
}

static void set_value(struct argument *argument, const char *value)
{
    const char *wanted;

    if (!value)
        fail_usage("--%s needs a value", argument->name);
    wanted = argument->read(value, argument->target);
    if (wanted)
        fail_usage("--%s %s: expected %s", argument->name, value, wanted);
}

/* Returns how many words the option took. */
static size_t read_option(const char *const words[], struct argument arguments[], size_t count)
{
    const char *name = words[0] + 2;
    const size_t length = strcspn(name, "=");
    const bool joined = name[length] == '=';
    struct argument *argument = find(arguments, count, name, length);

    if (!argument)
        fail_usage("no option %s here; --help lists those there are", words[0]);
    argument->given = true;
    if (!argument->read) {
        set_switch(argument, joined ? name + length + 1 : NULL);
        return 1;
    }
    set_value(argument, joined ? name + length + 1 : words[1]);
    return joined ? 1 : 2;
}

void arguments_read(const char *const words[], struct argument arguments[], size_t count,
                    const char *help)
{
    for (size_t i = 0; words[i];) {
        if (strcmp(words[i], "--help") == 0 || strcmp(words[i], "-h") == 0) {
            fputs(help, stdout);
            exit(EXIT_SUCCESS);
        }
        if (strncmp(words[i], "--", 2) != 0)
            fail_usage("%s: not an option; --help lists those there are", words[i]);
        i += read_option(words + i, arguments, count);
    }
}

void arguments_require(const struct argument arguments[], size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(arguments[i].name, name) == 0 && arguments[i].given)
            return;
    }
    fail_usage("--%s is missing; --help tells more", name);
}

/* A plain decimal number; `rest` is what follows it. Negative, infinite and absent numbers are -1.
 */
static double leading_number(const char *text, const char **rest)
{
    char *end = NULL;
    double value;

    *rest = text;
    /* Signs, blanks, "inf" and "nan", all of which strtod() would take. */
    if (strspn(text, "0123456789.") == 0)
        return -1;
    errno = 0;
    value = strtod(text, &end);
    *rest = end;
    return end == text || errno != 0 || !isfinite(value) ? -1 : value;
}

/* What K, M or G multiplies by; 1 without a suffix, 0 when the text is something else. */
static double suffix_factor(const char *suffix)
{
    static const char letters[] = "KMG";
    static const double factors[] = {1e3, 1e6, 1e9};
    const char *found;

    if (suffix[0] == '\0')
        return 1;
    found = strchr(letters, suffix[0] == 'k' ? 'K' : suffix[0]);
    return found && suffix[1] == '\0' ? factors[found - letters] : 0;
}

static bool read_whole(const char *text, uint64_t *value)
{
    char *end = NULL;

    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0';
}

const char *argument_address(const char *text, void *target)
{
    return address_parse(text, target) ? NULL : "ADDRESS:PORT, as 192.0.2.1:5000 or [::1]:5000";
}

const char *argument_count(const char *text, void *target)
{
    static const char wanted[] = "a whole number above 0, as 5000 or 10M";
    const double most = 1e15; /* whole numbers up to here are exact in a double */
    const char *rest;
    const double value = leading_number(text, &rest);
    const double product = value * suffix_factor(rest);

    if (value < 0 || product < 1 || product > most || product != (double)(uint64_t)product)
        return wanted;
    *(uint64_t *)target = (uint64_t)product;
    return NULL;
}

const char *argument_number(const char *text, void *target)
{
    return read_whole(text, target) ? NULL : "a whole number";
}

const char *argument_flows(const char *text, void *target)
{
    uint64_t flows;

    if (!read_whole(text, &flows) || flows < 1 || flows > FLOWS_MOST)
        return "a number of flows from 1 to 16384";
    *(uint64_t *)target = flows;
    return NULL;
}

const char *argument_seconds(const char *text, void *target)
{
    const double a_day = 86400;
    const char *rest;
    const double value = leading_number(text, &rest);

    if (value < 0 || value > a_day || *rest != '\0')
        return "a time in seconds, as 3 or 0.5, of a day at most";
    *(double *)target = value;
    return NULL;
}

const char *argument_sizes(const char *text, void *target)
{
    static const char wanted[] = "a size of 1 to 65487 bytes, as 1400 or 64-1400";
    struct size_range *sizes = target;
    char least[16];
    const size_t length = strcspn(text, "-");
    uint64_t first;
    uint64_t last;

    if (length >= sizeof least)
        return wanted;
    memcpy(least, text, length);
    least[length] = '\0';
    if (!read_whole(least, &first) || !read_whole(text[length] ? text + length + 1 : text, &last))
        return wanted;
    if (first < 1 || first > last || last > DATAGRAM_MOST)
        return wanted;
    sizes->least = (uint32_t)first;
    sizes->most = (uint32_t)last;
    return NULL;
}

const char *argument_rate(const char *text, void *target)
{
    struct rate *rate = target;
    const char *suffix;
    const double value = leading_number(text, &suffix);
    const double factor = suffix_factor(suffix);

    if (value <= 0 || factor <= 0)
        return "datagrams a second, as 200000, or bits a second, as 900M or 1.5G";
    rate->datagrams_per_second = *suffix ? 0 : value;
    rate->bits_per_second = *suffix ? value * factor : 0;
    return NULL;
}

const char *argument_text(const char *text, void *target)
{
    *(const char **)target = text;
    return NULL;
}
