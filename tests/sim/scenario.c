#include "scenario.h"

#include "random.h"

static const char *const breakage_names[SIM_BREAKAGES] = {
    [SIM_BREAK_CORRUPT] = "corrupt",
    [SIM_BREAK_DUPLICATE] = "duplicate",
    [SIM_BREAK_FORSAKE] = "forsake",
    [SIM_BREAK_HASTE] = "haste",
    [SIM_BREAK_IMPATIENCE] = "impatience",
    [SIM_BREAK_INVENT] = "invent",
    [SIM_BREAK_KEEP] = "keep",
    [SIM_BREAK_LEAK] = "leak",
    [SIM_BREAK_LIVENESS] = "liveness",
    [SIM_BREAK_LOSE] = "lose",
    [SIM_BREAK_PROBES] = "probes",
    [SIM_BREAK_REORDER] = "reorder",
    [SIM_BREAK_RESET] = "reset",
    [SIM_BREAK_SILENCE] = "silence",
    [SIM_BREAK_STORM] = "storm",
};

const char *sim_breakage_name(enum sim_breakage breakage)
{
    return breakage_names[breakage];
}

static bool coin(struct sim_random *random)
{
    return sim_random_below(random, 2) == 0;
}

/* Nothing in half of the scenarios; else up to `most`, small values more often than large ones. */
static uint32_t draw_chance(struct sim_random *random, uint32_t most)
{
    if (coin(random))
        return 0;
    const uint32_t limit = sim_random_below(random, most) + 1;
    return sim_random_below(random, limit) + 1;
}

/* Kernels do not fragment what has no checksum yet. Phantun's packets have all the IPv4 id 0, and
 * fragments of different packets are then one packet's: RFC 4963 says what comes of it. */
static bool may_fragment(const struct sim_scenario *s)
{
    return !s->partial_checksums && (s->family == FTUN_IPV6 || s->peer == FTUN_PEER_FTUN);
}

static uint64_t draw_time(struct sim_random *random, uint64_t unit_ns, uint32_t first,
                          uint32_t last)
{
    return unit_ns * sim_random_between(random, first, last);
}

/* One draw a statement: the order in which C evaluates an initializer is the compiler's choice. */
static void draw_quality(struct sim_scenario *s, struct sim_random *random)
{
    static const uint64_t quanta[] = {1, 50 * 1000, FTUN_MILLISECOND};
    struct sim_quality *quality = &s->quality;
    s->quantum_ns = quanta[sim_random_below(random, 3)];
    quality->loss = draw_chance(random, SIM_CERTAIN / 3);
    quality->duplication = draw_chance(random, SIM_CERTAIN / 4);
    quality->reordering = draw_chance(random, SIM_CERTAIN / 4);
    if (!s->partial_checksums)
        quality->corruption = draw_chance(random, SIM_CERTAIN / 8);
    if (may_fragment(s))
        quality->fragmentation = draw_chance(random, SIM_CERTAIN / 4);
    const uint32_t longest = coin(random) ? 100 : 2000;
    quality->delay_ns = draw_time(random, FTUN_MILLISECOND / 10, 1, longest);
    if (coin(random))
        quality->jitter_ns = draw_time(random, FTUN_MILLISECOND, 1, 50);
    quality->says_too_big = coin(random);
    quality->mtu = s->mtu;
    if (sim_random_below(random, 4) == 0)
        quality->mtu = (uint16_t)sim_random_between(random, sim_least_mtu(s->family), s->mtu);
}

static void draw_traffic(struct sim_scenario *s, struct sim_random *random)
{
    static const uint32_t largest[] = {32, 100, 300, 1400};
    const uint32_t most_applications = coin(random) ? 4 : 16;
    s->applications = sim_random_between(random, 1, most_applications);
    s->largest = largest[sim_random_below(random, 4)];
    s->longest = coin(random) ? 3 : 64;
    s->answer = sim_random_below(random, SIM_CERTAIN + 1);
    s->bad_ns = draw_time(random, FTUN_SECOND, 2, 30);
    /* about as many datagrams in each trial, however long it is and whoever speaks */
    const uint32_t bursts = s->longest > 3 ? 100 : 700;
    s->speak_ns = s->bad_ns * s->applications / bursts;
}

static void draw_limits(struct sim_scenario *s, struct sim_random *random)
{
    const bool tight = sim_random_below(random, 8) == 0;
    const bool by_source = tight && coin(random);
    s->max_flows = tight && !by_source ? s->applications : 4 * s->applications + 16;
    s->max_flows_per_source = by_source ? s->applications : 0;
    s->pending_slots = coin(random) ? 4 : 64;
    s->reassembly_slots = coin(random) ? 2 : 16;
    const uint32_t longest = coin(random) ? 20 : 180;
    s->idle_timeout_ns = draw_time(random, FTUN_SECOND, 10, longest);
}

static void draw_ends(struct sim_scenario *s, struct sim_random *random)
{
    static const enum ftun_peer peers[] = {FTUN_PEER_AUTO, FTUN_PEER_AUTO, FTUN_PEER_FTUN,
                                           FTUN_PEER_PHANTUN};
    s->family = coin(random) ? FTUN_IPV4 : FTUN_IPV6;
    s->peer = peers[sim_random_below(random, 4)];
    s->offload[SIM_CLIENT] = coin(random);
    s->offload[SIM_SERVER] = coin(random);
    s->glue = coin(random);
    s->partial_checksums = sim_random_below(random, 4) == 0;
    s->host_resets = coin(random);
    s->nat = coin(random);
    s->strict = coin(random);
    s->mtu = coin(random) ? 1500 : (uint16_t)sim_random_between(random, 1300, 1500);
}

uint16_t sim_least_mtu(enum ftun_family family)
{
    return family == FTUN_IPV4 ? FTUN_IPV4_MTU_MIN : FTUN_IPV6_MTU_MIN;
}

void sim_scenario_draw(struct sim_scenario *s, uint64_t seed)
{
    struct sim_random random;
    sim_random_seed(&random, seed);
    *s = (struct sim_scenario){.seed = seed, .disaster_ns = FTUN_NEVER, .stranger_ns = FTUN_NEVER};
    draw_ends(s, &random);
    draw_quality(s, &random);
    draw_traffic(s, &random);
    draw_limits(s, &random);
    if (coin(&random))
        s->disaster_ns = s->bad_ns / sim_random_between(&random, 1, 12);
    if (coin(&random))
        s->stranger_ns = s->bad_ns / sim_random_between(&random, 1, 200);
    if (sim_random_below(&random, 4) == 0)
        s->outage_ns = draw_time(&random, FTUN_SECOND, 1, 120);
    s->ending = (enum sim_ending)sim_random_below(&random, SIM_ENDINGS);
    s->resumes = coin(&random);
    s->timestamps = coin(&random);
}

struct sim_quality sim_quality_good(const struct sim_scenario *s)
{
    return (struct sim_quality){.delay_ns = s->quality.delay_ns, .mtu = s->mtu};
}
