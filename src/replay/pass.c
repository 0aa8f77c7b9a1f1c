#include "pass.h"

#include <string.h>

static void count_packet(struct ftun_summary *summary, const struct ftun_intake_packet *packet)
{
    summary->frames = packet->number;
    summary->duration_ns = packet->now_ns - FTUN_INTAKE_START;
    switch (packet->sight) {
    case FTUN_SIGHT_PACKET:
        summary->ip_bytes += packet->packet.len;
        break;
    case FTUN_SIGHT_CUT:
        ftun_tally_add(&summary->cut, packet->number, 1);
        break;
    case FTUN_SIGHT_NOT_IP:
        ftun_tally_add(&summary->not_ip, packet->number, 1);
        break;
    case FTUN_SIGHT_NO_FRAME:
        ftun_tally_add(&summary->no_frame, packet->number, 1);
        break;
    }
}

static bool is_observer(const struct ftun_pass *pass)
{
    return pass->options->role == FTUN_REPLAY_OBSERVER;
}

bool ftun_pass_create(struct ftun_pass *pass, const struct ftun_replay_options *options)
{
    memset(pass, 0, sizeof *pass);
    pass->options = options;
    if (is_observer(pass))
        return ftun_observer_create(&pass->observer);
    return ftun_actor_create(&pass->actor,
                             options->role == FTUN_REPLAY_CLIENT ? FTUN_CLIENT : FTUN_SERVER);
}

static void start(struct ftun_pass *pass, FILE *events)
{
    if (is_observer(pass))
        ftun_observer_start(&pass->observer, &pass->summary, events);
    else
        ftun_actor_start(&pass->actor, &pass->options->end, &pass->summary, events);
}

static bool take(struct ftun_pass *pass, struct ftun_intake_packet *packet,
                 struct ftun_error *error)
{
    count_packet(&pass->summary, packet);
    if (pass->corpus != NULL && !ftun_corpus_add(pass->corpus, packet, error))
        return false;
    if (is_observer(pass))
        ftun_observer_packet(&pass->observer, packet);
    else
        ftun_actor_packet(&pass->actor, packet);
    ftun_progress_note(&pass->progress, pass->intake.capture.bytes);
    return true;
}

static enum ftun_replay_exit read_all(struct ftun_pass *pass, struct ftun_error *error)
{
    for (;;) {
        struct ftun_intake_packet packet;
        switch (ftun_intake_next(&pass->intake, &packet, error)) {
        case FTUN_CAPTURE_END:
            return FTUN_REPLAY_OK;
        case FTUN_CAPTURE_BROKEN:
            pass->summary.broken = true;
            return FTUN_REPLAY_CAPTURE;
        case FTUN_CAPTURE_FRAME:
            if (!take(pass, &packet, error))
                return FTUN_REPLAY_FAILED;
            break;
        }
    }
}

enum ftun_replay_exit ftun_pass_run(struct ftun_pass *pass, size_t snap, struct ftun_corpus *corpus,
                                    FILE *events, struct ftun_error *error)
{
    const char *path = pass->options->capture;
    pass->summary = (struct ftun_summary){0};
    pass->corpus = corpus;
    pass->intake.snap = snap;
    pass->intake.exact = FTUN_EXACT_BLOCKS || snap != FTUN_NO_SNAP;
    pass->intake.longest = 0;
    if (!ftun_capture_open(&pass->intake.capture, path, error))
        return FTUN_REPLAY_CAPTURE;
    start(pass, events);
    ftun_progress_start(&pass->progress, path);
    const enum ftun_replay_exit result = read_all(pass, error);
    ftun_progress_end(&pass->progress);
    ftun_intake_end(&pass->intake);
    if (is_observer(pass))
        ftun_observer_finish(&pass->observer);
    return result;
}

void ftun_pass_free(struct ftun_pass *pass)
{
    if (is_observer(pass))
        ftun_observer_free(&pass->observer);
    else
        ftun_actor_free(&pass->actor);
}
