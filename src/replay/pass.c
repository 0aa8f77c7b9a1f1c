#include "pass.h"

#include "actor.h"
#include "intake.h"

#include <stdlib.h>

/* One pass over the capture. */
struct pass {
    const struct ftun_replay_options *options;
    struct ftun_intake intake;
    struct ftun_actor actor;
    struct ftun_summary summary;
};

static enum ftun_replay_exit no_memory(struct ftun_error *error)
{
    ftun_fail(error, "no memory");
    return FTUN_REPLAY_FAILED;
}

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

static bool begin(struct pass *pass, FILE *events)
{
    const enum ftun_role role =
        pass->options->role == FTUN_REPLAY_CLIENT ? FTUN_CLIENT : FTUN_SERVER;
    ftun_intake_start(&pass->intake);
    pass->intake.exact = FTUN_EXACT_BLOCKS;
    pass->intake.snap = pass->options->snap;
    return ftun_actor_create(&pass->actor, role, &pass->options->end, &pass->summary, events);
}

static enum ftun_replay_exit read_all(struct pass *pass, struct ftun_error *error)
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
            count_packet(&pass->summary, &packet);
            ftun_actor_packet(&pass->actor, &packet);
            break;
        }
    }
}

enum ftun_replay_exit ftun_pass(const struct ftun_replay_options *options, FILE *out,
                                struct ftun_error *error)
{
    struct pass *pass = calloc(1, sizeof *pass);
    if (pass == NULL)
        return no_memory(error);
    pass->options = options;
    enum ftun_replay_exit result = FTUN_REPLAY_CAPTURE;
    if (ftun_capture_open(&pass->intake.capture, options->capture, error)) {
        result =
            begin(pass, options->events ? out : NULL) ? read_all(pass, error) : no_memory(error);
        if (pass->summary.broken)
            fprintf(out, "the capture cannot be read beyond packet %llu\n",
                    (unsigned long long)pass->summary.frames);
        ftun_actor_free(&pass->actor);
        ftun_intake_end(&pass->intake);
    }
    free(pass);
    return result;
}
