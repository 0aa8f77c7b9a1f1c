#include "expect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONTEXT = 3,    /* lines shown before the first difference and after the last */
    LINES_MAX = 200 /* shown of each side */
};

/* Lines of a text, without their newlines; they point into it. */
struct lines {
    const char **at;
    size_t count;
};

static bool split(char *text, struct lines *lines)
{
    size_t count = 0;
    for (const char *c = text; *c != '\0'; c++)
        if (*c == '\n')
            count++;
    *lines = (struct lines){.at = malloc((count + 1) * sizeof *lines->at)};
    if (lines->at == NULL)
        return false;
    while (*text != '\0') {
        lines->at[lines->count++] = text;
        char *newline = strchr(text, '\n');
        if (newline == NULL)
            break;
        *newline = '\0';
        text = newline + 1;
    }
    return true;
}

static void print_lines(const char *before, const struct lines *lines, size_t from, size_t to)
{
    for (size_t i = from; i < to && i < from + LINES_MAX; i++)
        printf("%s%s\n", before, lines->at[i]);
    if (to > from + LINES_MAX)
        printf("%s[%zu lines more]\n", before, to - from - LINES_MAX);
}

static void print_difference(const char *path, const struct lines *expected,
                             const struct lines *found)
{
    const size_t shorter = expected->count < found->count ? expected->count : found->count;
    size_t same = 0; /* lines at the start */
    while (same < shorter && strcmp(expected->at[same], found->at[same]) == 0)
        same++;
    size_t rest = 0; /* at the end */
    while (rest < shorter - same && strcmp(expected->at[expected->count - 1 - rest],
                                           found->at[found->count - 1 - rest]) == 0)
        rest++;
    const size_t from = same < CONTEXT ? 0 : same - CONTEXT;
    const size_t after = rest < CONTEXT ? rest : CONTEXT;
    printf("--- %s\n+++ what ftun-replay says\n@@ line %zu @@\n", path, same + 1);
    print_lines(" ", expected, from, same);
    print_lines("-", expected, same, expected->count - rest);
    print_lines("+", found, same, found->count - rest);
    print_lines(" ", expected, expected->count - rest, expected->count - rest + after);
}

static char *read_file(const char *path, struct ftun_error *error)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        ftun_fail(error, "cannot open the expectation %s: %s; --update-expect writes it", path,
                  strerror(errno));
        return NULL;
    }
    char *text = NULL;
    size_t capacity = 0;
    const ssize_t len = getdelim(&text, &capacity, '\0', file); /* a text has no zero byte */
    const bool failed = ferror(file) != 0;
    fclose(file);
    if (len >= 0 && !failed)
        return text;
    free(text);
    if (failed)
        ftun_fail(error, "cannot read the expectation %s: %s", path, strerror(errno));
    return failed ? NULL : strdup("");
}

static enum ftun_replay_exit compare(const char *path, char *expected, char *found,
                                     struct ftun_error *error)
{
    if (strcmp(expected, found) == 0)
        return FTUN_REPLAY_OK;
    struct lines a = {0};
    struct lines b = {0};
    if (split(expected, &a) && split(found, &b))
        print_difference(path, &a, &b);
    else
        ftun_fail(error, "no memory to compare with %s", path);
    const bool compared = b.at != NULL;
    free(a.at);
    free(b.at);
    return compared ? FTUN_REPLAY_DIFFERS : FTUN_REPLAY_FAILED;
}

enum ftun_replay_exit ftun_expect_compare(const char *path, const char *text,
                                          struct ftun_error *error)
{
    char *expected = read_file(path, error);
    if (expected == NULL)
        return FTUN_REPLAY_FAILED;
    char *found = strdup(text);
    const enum ftun_replay_exit result =
        found == NULL ? FTUN_REPLAY_FAILED : compare(path, expected, found, error);
    free(expected);
    free(found);
    return result;
}

enum ftun_replay_exit ftun_expect_write(const char *path, const char *text,
                                        struct ftun_error *error)
{
    FILE *file = fopen(path, "we");
    const bool written = file != NULL && fputs(text, file) >= 0;
    if (file != NULL && fclose(file) == 0 && written)
        return FTUN_REPLAY_OK;
    ftun_fail(error, "cannot write the expectation %s: %s", path, strerror(errno));
    return FTUN_REPLAY_FAILED;
}
