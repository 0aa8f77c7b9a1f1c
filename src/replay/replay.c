#include "replay.h"

#include "expect.h"
#include "sweep.h"

#include <stdlib.h>

static enum ftun_replay_exit complain(enum ftun_replay_exit result, const struct ftun_error *error)
{
    fprintf(stderr, "ftun-replay: %s\n", error->text);
    return result;
}

static enum ftun_replay_exit no_memory(void)
{
    return complain(FTUN_REPLAY_FAILED, &(struct ftun_error){"no memory"});
}

/* --- one pass, and what it says ----------------------------------------------------------- */

static bool print_report(const struct ftun_pass *pass, FILE *out)
{
    const bool observed = pass->options->role == FTUN_REPLAY_OBSERVER;
    const struct ftun_report report = {
        .summary = &pass->summary,
        .observer = observed ? &pass->observer : NULL,
        .actor = observed ? NULL : &pass->actor,
    };
    if (pass->options->json)
        return ftun_report_json(out, &report);
    if (!pass->options->events)
        ftun_report_text(out, &report);
    else if (pass->summary.broken)
        fprintf(out, "the capture cannot be read beyond packet %llu\n",
                (unsigned long long)pass->summary.frames);
    return true;
}

static enum ftun_replay_exit single_pass(struct ftun_pass *pass, struct ftun_corpus *corpus,
                                         FILE *out, struct ftun_error *error)
{
    FILE *events = pass->options->events ? out : NULL;
    enum ftun_replay_exit result = ftun_pass_run(pass, pass->options->snap, corpus, events, error);
    const bool readable = result == FTUN_REPLAY_OK || pass->summary.broken;
    if (readable && !print_report(pass, out)) {
        ftun_fail(error, "no memory for the JSON");
        result = FTUN_REPLAY_FAILED;
    }
    return result;
}

static enum ftun_replay_exit pass_with_corpus(struct ftun_pass *pass, FILE *out,
                                              struct ftun_error *error)
{
    const struct ftun_replay_options *options = pass->options;
    struct ftun_corpus corpus;
    const bool opened = ftun_corpus_open(&corpus, options->corpus, options->capture, error);
    const enum ftun_replay_exit result =
        opened ? single_pass(pass, &corpus, out, error) : FTUN_REPLAY_FAILED;
    ftun_corpus_close(&corpus);
    return result;
}

static enum ftun_replay_exit run(struct ftun_pass *pass, FILE *out, struct ftun_error *error)
{
    if (pass->options->sweep)
        return ftun_sweep(pass, out, error);
    if (pass->options->corpus != NULL)
        return pass_with_corpus(pass, out, error);
    return single_pass(pass, NULL, out, error);
}

enum ftun_replay_exit ftun_replay_print(const struct ftun_replay_options *options, FILE *out)
{
    struct ftun_error error = {0};
    struct ftun_pass *pass = malloc(sizeof *pass);
    if (pass == NULL || !ftun_pass_create(pass, options)) {
        free(pass);
        return no_memory();
    }
    const enum ftun_replay_exit result = run(pass, out, &error);
    ftun_pass_free(pass);
    free(pass);
    return result == FTUN_REPLAY_OK ? result : complain(result, &error);
}

/* --- expectations ------------------------------------------------------------------------- */

/* A capture that breaks off has its expectation too: the text says where. */
static enum ftun_replay_exit settle(const struct ftun_replay_options *options, const char *text)
{
    struct ftun_error error;
    const enum ftun_replay_exit result = options->update_expect
                                             ? ftun_expect_write(options->expect, text, &error)
                                             : ftun_expect_compare(options->expect, text, &error);
    return result == FTUN_REPLAY_FAILED ? complain(result, &error) : result;
}

static enum ftun_replay_exit print_to_compare(const struct ftun_replay_options *options)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL)
        return no_memory();
    enum ftun_replay_exit result = ftun_replay_print(options, out);
    const bool written = fclose(out) == 0;
    const bool comparable = result == FTUN_REPLAY_OK || (result == FTUN_REPLAY_CAPTURE && len > 0);
    if (!written)
        result = no_memory();
    else if (comparable)
        result = settle(options, text);
    free(text);
    return result;
}

enum ftun_replay_exit ftun_replay(const struct ftun_replay_options *options)
{
    const enum ftun_replay_exit result =
        options->expect == NULL ? ftun_replay_print(options, stdout) : print_to_compare(options);
    if (fflush(stdout) != 0 && result == FTUN_REPLAY_OK)
        return complain(FTUN_REPLAY_FAILED,
                        &(struct ftun_error){"the output cannot be written to its end"});
    return result;
}
