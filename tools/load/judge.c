#include "judge.h"

#include <string.h>

/*
 * How far from the expected index to look for what came instead. A few bytes are alike in many
 * datagrams; looking for them far away would find a wrong one.
 */
enum { REACH = 4096, REACH_OF_SHORT = 64, REACH_OF_OTHERS = 64, SHORT_LENGTH = 8 };

struct hearing {
    struct listening *listening;
    const struct script *script;
    enum direction direction;
    uint32_t flow;
    const uint8_t *data;
    size_t length;
};

const char *fault_name(enum fault fault)
{
    static const char *const names[FAULT_KINDS] = {
        [FAULT_NONE] = "none", [FAULT_CORRUPTED] = "corrupted", [FAULT_MERGED] = "merged",
        [FAULT_CUT] = "cut",   [FAULT_REORDERED] = "reordered", [FAULT_DUPLICATED] = "duplicated",
        [FAULT_LOST] = "lost", [FAULT_STRAY] = "stray",
    };

    return names[fault];
}

static struct line line_at(const struct hearing *hearing, uint64_t index)
{
    return script_line(hearing->script, hearing->direction, hearing->flow, index);
}

static bool is_line(const struct hearing *hearing, uint64_t index)
{
    const struct line line = line_at(hearing, index);

    return line.length == hearing->length &&
           memcmp(line.content, hearing->data, hearing->length) == 0;
}

static uint64_t reach(const struct hearing *hearing)
{
    return hearing->length < SHORT_LENGTH ? REACH_OF_SHORT : REACH;
}

/* A datagram passed over before, that comes now. */
static bool fill_gap(const struct hearing *hearing, uint64_t *index)
{
    struct listening *listening = hearing->listening;

    for (unsigned i = 0; i < JUDGE_GAPS; i++) {
        if (listening->gaps[i] == 0 || !is_line(hearing, listening->gaps[i] - 1))
            continue;
        *index = listening->gaps[i] - 1;
        listening->gaps[i] = 0;
        return true;
    }
    return false;
}

static bool find_later(const struct hearing *hearing, uint64_t *index)
{
    const uint64_t next = hearing->listening->next;

    for (uint64_t i = 1; i <= reach(hearing); i++) {
        if (!is_line(hearing, next + i))
            continue;
        *index = next + i;
        return true;
    }
    return false;
}

static bool find_earlier(const struct hearing *hearing, uint64_t *index)
{
    const uint64_t next = hearing->listening->next;

    for (uint64_t i = 1; i <= reach(hearing) && i <= next; i++) {
        if (!is_line(hearing, next - i))
            continue;
        *index = next - i;
        return true;
    }
    return false;
}

static void leave_gap(struct listening *listening)
{
    listening->gaps[listening->gap_count++ % JUDGE_GAPS] = listening->next + 1;
    listening->next++;
}

static bool is_beginning(const struct hearing *hearing)
{
    const struct line line = line_at(hearing, hearing->listening->next);

    return hearing->length < line.length &&
           memcmp(hearing->data, line.content, hearing->length) == 0;
}

/* How many datagrams of the script, one behind the other, are what came: more than one, or 0. */
static uint64_t count_merged(const struct hearing *hearing)
{
    uint64_t count = 0;

    for (size_t at = 0; at < hearing->length; count++) {
        const struct line line = line_at(hearing, hearing->listening->next + count);
        const size_t left = hearing->length - at;
        const size_t part = left < line.length ? left : line.length;

        if (memcmp(hearing->data + at, line.content, part) != 0)
            return 0;
        at += part;
    }
    return count > 1 ? count : 0;
}

static struct judgement pass_over_to(struct listening *listening, struct judgement judgement,
                                     uint64_t found)
{
    judgement.fault = FAULT_LOST;
    judgement.lost = found - listening->next;
    while (listening->next < found)
        leave_gap(listening);
    listening->next++;
    return judgement;
}

static struct judgement name_damage(const struct hearing *hearing, struct judgement judgement)
{
    const uint64_t merged = count_merged(hearing);

    if (merged > 0) {
        judgement.fault = FAULT_MERGED;
        hearing->listening->next += merged;
        return judgement;
    }
    judgement.fault = is_beginning(hearing) ? FAULT_CUT : FAULT_CORRUPTED;
    hearing->listening->next++;
    return judgement;
}

static struct judgement name_fault(const struct hearing *hearing)
{
    struct judgement judgement = {
        .index = hearing->listening->next,
        .expected = line_at(hearing, hearing->listening->next).length,
    };
    uint64_t later;

    if (fill_gap(hearing, &judgement.index)) {
        judgement.fault = FAULT_REORDERED;
        return judgement;
    }
    if (find_later(hearing, &later))
        return pass_over_to(hearing->listening, judgement, later);
    if (find_earlier(hearing, &judgement.index)) {
        judgement.fault = FAULT_DUPLICATED;
        return judgement;
    }
    return name_damage(hearing, judgement);
}

struct judgement judge(struct listening *listening, const struct script *script,
                       enum direction direction, uint32_t flow, const uint8_t *data, size_t length)
{
    const struct hearing hearing = {
        .listening = listening,
        .script = script,
        .direction = direction,
        .flow = flow,
        .data = data,
        .length = length,
    };

    if (!is_line(&hearing, listening->next))
        return name_fault(&hearing);
    listening->next++;
    return (struct judgement){.fault = FAULT_NONE};
}

bool judge_recognize(const struct listening *listening, const struct script *script,
                     enum direction direction, uint32_t flow, const uint8_t *data, size_t length)
{
    const struct hearing hearing = {
        .script = script,
        .direction = direction,
        .flow = flow,
        .data = data,
        .length = length,
    };
    const uint64_t next = listening->next;
    const uint64_t first = next < REACH_OF_OTHERS ? 0 : next - REACH_OF_OTHERS;

    if (length < SHORT_LENGTH)
        return false;
    for (uint64_t i = first; i < next + REACH_OF_OTHERS; i++) {
        if (is_line(&hearing, i))
            return true;
    }
    return false;
}

void judge_take_back(struct listening *listening)
{
    listening->next--;
}
