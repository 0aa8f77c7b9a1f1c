#include "choices.h"

#include "address_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_MAX = 64 };

/* The next of the words between commas, which may not be empty; `rest` moves on to the one after
 * it, and is NULL after the last. */
static bool next_word(const char **rest, char word[WORD_MAX])
{
    const size_t len = strcspn(*rest, ",");
    if (len == 0 || len >= WORD_MAX)
        return false;
    memcpy(word, *rest, len);
    word[len] = '\0';
    *rest = (*rest)[len] == ',' ? *rest + len + 1 : NULL;
    return true;
}

static bool add_link(const char *name, struct ftun_attachment_choices *choices)
{
    const size_t len = strlen(name);
    if (len >= IFNAMSIZ || strchr(name, '/') != NULL || strchr(name, '"') != NULL ||
        choices->link_count == FTUN_CHOSEN_LINKS_MAX)
        return false;
    memcpy(choices->links[choices->link_count++], name, len + 1);
    return true;
}

bool ftun_choices_take_links(const char *value, struct ftun_attachment_choices *choices,
                             struct ftun_error *error)
{
    char word[WORD_MAX];
    for (const char *rest = value; rest != NULL;)
        if (!next_word(&rest, word) || !add_link(word, choices))
            return ftun_fail(error,
                             "--dev wants up to %d interface names, like eth0 or eth0,wlan0, not "
                             "\"%s\"",
                             FTUN_CHOSEN_LINKS_MAX, value);
    return true;
}

static bool add_prefix(const char *text, struct ftun_attachment_choices *choices)
{
    return choices->prefix_count < FTUN_CHOSEN_PREFIXES_MAX &&
           ftun_prefix_parse(text, &choices->allow_from[choices->prefix_count++]);
}

bool ftun_choices_take_prefixes(const char *value, struct ftun_attachment_choices *choices,
                                struct ftun_error *error)
{
    char word[WORD_MAX];
    for (const char *rest = value; rest != NULL;)
        if (!next_word(&rest, word) || !add_prefix(word, choices))
            return ftun_fail(error,
                             "--allow-from wants up to %d networks, like 192.0.2.0/24 or "
                             "2001:db8::/32,198.51.100.7, not \"%s\"",
                             FTUN_CHOSEN_PREFIXES_MAX, value);
    return true;
}

bool ftun_choices_take_ports(const char *value, struct ftun_attachment_choices *choices,
                             struct ftun_error *error)
{
    char first[WORD_MAX];
    struct ftun_port_range *ports = &choices->ports;
    const size_t len = strcspn(value, "-");
    if (len < sizeof first && value[len] == '-') {
        memcpy(first, value, len);
        first[len] = '\0';
        if (ftun_port_parse(first, &ports->first) &&
            ftun_port_parse(value + len + 1, &ports->last) &&
            ports->last >= ports->first + FTUN_PORT_CLASSES - 1)
            return true;
    }
    return ftun_fail(error,
                     "--ports wants FIRST-LAST, at least %u TCP ports, like 40000-44095, not "
                     "\"%s\"",
                     FTUN_PORT_CLASSES, value);
}

bool ftun_choices_take_mark(const char *value, struct ftun_attachment_choices *choices,
                            struct ftun_error *error)
{
    char *end;
    errno = 0;
    const unsigned long long mark = strtoull(value, &end, 0);
    choices->mark = (uint32_t)mark;
    if (errno == 0 && value[0] >= '0' && value[0] <= '9' && *end == '\0' && mark > 0 &&
        mark <= UINT32_MAX)
        return true;
    return ftun_fail(error, "--mark wants a number from 1 to 0xffffffff, not \"%s\"", value);
}

/* --- what goes with what ------------------------------------------------------------------ */

static bool check_role(const struct ftun_options *options, struct ftun_error *error)
{
    if (options->role == FTUN_CLIENT && options->choices.prefix_count > 0)
        return ftun_fail(error, "--allow-from is for a server: a client hears its server alone");
    if (options->role == FTUN_SERVER && options->choices.ports.first != 0)
        return ftun_fail(error, "--ports is for clients: a server has the port of --local");
    return true;
}

static bool check_nothing_touched(const struct ftun_options *options, struct ftun_error *error)
{
    const struct ftun_attachment_choices *choices = &options->choices;
    const char *given = NULL;
    if (!options->touch_nothing)
        return true;
    if (options->attach == FTUN_ATTACHMENT_DIVERT)
        return ftun_fail(error, "--setup none and --attach divert contradict each other: nobody "
                                "else can hook ftun's programs in; leave one of them out");
    if (choices->prefix_count > 0)
        given = "--allow-from";
    else if (choices->link_count > 0)
        given = "--dev";
    else if (choices->mark != 0)
        given = "--mark";
    return given == NULL ||
           ftun_fail(error,
                     "%s has no effect with --setup none: it is for the rules that you set up "
                     "(ftun rules prints them)",
                     given);
}

static bool check_divert(const struct ftun_options *options, struct ftun_error *error)
{
    if (options->attach != FTUN_ATTACHMENT_DIVERT)
        return true;
    if (options->tun4.host.family != FTUN_FAMILY_NONE ||
        options->tun6.host.family != FTUN_FAMILY_NONE)
        return ftun_fail(error, "--tun-local (and its like) and --attach divert contradict each "
                                "other: the TUN needs no addresses");
    return true;
}

static bool check_nat(const struct ftun_options *options, struct ftun_error *error)
{
    if (options->attach != FTUN_ATTACHMENT_NAT)
        return true;
    if (options->choices.hook != FTUN_DIVERT_AUTO)
        return ftun_fail(error, "--divert-hook and --attach nat contradict each other");
    if (options->choices.link_count > 0 && options->role == FTUN_CLIENT)
        return ftun_fail(error, "--dev has no effect at a client with --attach nat: its routes "
                                "decide which interfaces it uses");
    return true;
}

bool ftun_choices_check(const struct ftun_options *options, struct ftun_error *error)
{
    return check_role(options, error) && check_nothing_touched(options, error) &&
           check_divert(options, error) && check_nat(options, error);
}
