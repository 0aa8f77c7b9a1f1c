#include "replay.h"

#include "expect.h"
#include "pass.h"

#include <stdlib.h>

static enum ftun_replay_exit complain(enum ftun_replay_exit result, const struct ftun_error *error)
{
    fprintf(stderr, "ftun-replay: %s\n", error->text);
    return result;
}

static enum ftun_replay_exit print(const struct ftun_replay_options *options, FILE *out)
{
    struct ftun_error error = {0};
    const enum ftun_replay_exit result = ftun_pass(options, out, &error);
    return result == FTUN_REPLAY_OK ? result : complain(result, &error);
}

/* A capture that breaks off has its expectation too: the text says where. */
static enum ftun_replay_exit settle(const struct ftun_replay_options *options, const char *text)
{
    struct ftun_error error;
    const enum ftun_replay_exit result = options->update_expect
                                             ? ftun_expect_write(options->expect, text, &error)
                                             : ftun_expect_compare(options->expect, text, &error);
    return result == FTUN_REPLAY_FAILED ? complain(result, &error) : result;
}

static enum ftun_replay_exit print_or_compare(const struct ftun_replay_options *options)
{
    if (options->expect == NULL)
        return print(options, stdout);
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL)
        return complain(FTUN_REPLAY_FAILED, &(struct ftun_error){"no memory"});
    const enum ftun_replay_exit result = print(options, out);
    const bool written = fclose(out) == 0;
    const bool comparable = result == FTUN_REPLAY_OK || (result == FTUN_REPLAY_CAPTURE && len > 0);
    const enum ftun_replay_exit settled = comparable && written ? settle(options, text) : result;
    free(text);
    return settled;
}

enum ftun_replay_exit ftun_replay(const struct ftun_replay_options *options)
{
    const enum ftun_replay_exit result = print_or_compare(options);
    if (fflush(stdout) != 0 && result == FTUN_REPLAY_OK)
        return complain(FTUN_REPLAY_FAILED,
                        &(struct ftun_error){"the output cannot be written to its end"});
    return result;
}
