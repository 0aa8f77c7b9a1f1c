/* TCP options: step by step, all at once, and what ftun writes is read back as the same. */
#include "fuzz_input.h"
#include "profile.h"
#include "tcp_options.h"

/* The loop of ftun_tcp_options_parse() again, each step looked at. */
static bool step_through(const uint8_t *options, size_t len, struct ftun_tcp_options *values)
{
    *values = (struct ftun_tcp_options){0};
    size_t off = 0;
    while (off < len) {
        const size_t before = off;
        const enum ftun_tcp_option_step step = ftun_tcp_option_step(options, len, &off, values);
        FUZZ_REQUIRE(off <= len);
        if (step != FTUN_TCP_OPTION_TAKEN)
            return step == FTUN_TCP_OPTION_LAST;
        FUZZ_REQUIRE(off > before);
    }
    return true;
}

static void require_same(const struct ftun_tcp_options *a, const struct ftun_tcp_options *b)
{
    FUZZ_REQUIRE(a->has_mss == b->has_mss && a->mss == b->mss);
    FUZZ_REQUIRE(a->has_window_scale == b->has_window_scale);
    FUZZ_REQUIRE(a->window_scale == b->window_scale);
    FUZZ_REQUIRE(a->sack_permitted == b->sack_permitted);
    FUZZ_REQUIRE(a->has_timestamps == b->has_timestamps);
    FUZZ_REQUIRE(a->timestamp_value == b->timestamp_value);
    FUZZ_REQUIRE(a->timestamp_echo == b->timestamp_echo);
}

static size_t append_if(bool wanted, uint8_t *out, size_t len, enum ftun_tcp_option_kind kind,
                        const struct ftun_tcp_options *values)
{
    return wanted ? ftun_tcp_option_append(out, len, kind, values) : len;
}

/* All of them fit: 4 + 3 + 2 + 10 bytes. */
static void round_trip(const struct ftun_tcp_options *values)
{
    uint8_t *out = fuzz_allocate(FTUN_TCP_OPTIONS_MAX);
    size_t len = 0;
    len = append_if(values->has_mss, out, len, FTUN_TCP_OPTION_MSS, values);
    len = append_if(values->has_window_scale, out, len, FTUN_TCP_OPTION_WINDOW_SCALE, values);
    len = append_if(values->sack_permitted, out, len, FTUN_TCP_OPTION_SACK_PERMITTED, values);
    len = append_if(values->has_timestamps, out, len, FTUN_TCP_OPTION_TIMESTAMPS, values);
    struct ftun_tcp_options again;
    FUZZ_REQUIRE(ftun_tcp_options_parse(out, len, &again));
    require_same(values, &again);
    free(out);
}

/* What an option is not given room for is left out, whatever came before. */
static void append_anywhere(const uint8_t *options, size_t len,
                            const struct ftun_tcp_options *values)
{
    uint8_t *out = fuzz_allocate(FTUN_TCP_OPTIONS_MAX);
    size_t out_len = 0;
    for (size_t i = 0; i < len; i++) {
        out_len =
            ftun_tcp_option_append(out, out_len, (enum ftun_tcp_option_kind)options[i], values);
        FUZZ_REQUIRE(out_len <= FTUN_TCP_OPTIONS_MAX);
    }
    free(out);
}

static void answer(const struct ftun_tcp_options *offered)
{
    uint8_t *out = fuzz_allocate(FTUN_TCP_OPTIONS_MAX);
    struct ftun_tcp_options answered;
    const struct ftun_tcp_options own = {.mss = 1460, .timestamp_value = 1, .timestamp_echo = 2};
    const size_t len = ftun_profile_syn_options(&ftun_profile_linux, &own, offered, out);
    FUZZ_REQUIRE(len <= FTUN_TCP_OPTIONS_MAX && len % 4 == 0);
    FUZZ_REQUIRE(ftun_tcp_options_parse(out, len, &answered));
    FUZZ_REQUIRE(!answered.has_window_scale || offered->has_window_scale);
    FUZZ_REQUIRE(!answered.sack_permitted || offered->sack_permitted);
    FUZZ_REQUIRE(!answered.has_timestamps || offered->has_timestamps);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint8_t *options = fuzz_copy(data, len);
    struct ftun_tcp_options values;
    struct ftun_tcp_options stepped;
    const bool well_formed = ftun_tcp_options_parse(options, len, &values);
    FUZZ_REQUIRE(step_through(options, len, &stepped) == well_formed);
    require_same(&values, &stepped);
    FUZZ_REQUIRE(values.window_scale <= FTUN_WINDOW_SCALE_MAX);
    round_trip(&values);
    append_anywhere(options, len, &values);
    answer(&values);
    fuzz_free(options, len);
    return 0;
}
