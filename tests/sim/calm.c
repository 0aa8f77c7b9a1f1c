#include "calm.h"

enum { VALIDATE_EVERY = 10000 };

struct sim_scenario calm_scenario(uint32_t applications)
{
    return (struct sim_scenario){
        .seed = 1,
        .family = FTUN_IPV4,
        .peer = FTUN_PEER_AUTO,
        .mtu = 1500,
        .idle_timeout_ns = FTUN_IDLE_TIMEOUT_DEFAULT,
        .max_flows = 2 * applications,
        .pending_slots = 1024,
        .applications = applications,
        .largest = 100,
        .longest = 3,
        .speak_ns = FTUN_SECOND / 2,
        .answer = SIM_CERTAIN,
        .quality = {.delay_ns = 10 * FTUN_MILLISECOND, .mtu = 1500},
        .quantum_ns = 1,
        .bad_ns = FTUN_NEVER,
        .disaster_ns = FTUN_NEVER,
        .stranger_ns = FTUN_NEVER,
    };
}

struct sim_world *calm_start(const struct sim_scenario *scenario)
{
    struct sim_world *world = sim_world_create(false, VALIDATE_EVERY);
    sim_world_start(world, scenario);
    return world;
}

void calm_run(struct sim_world *world, uint64_t duration_ns)
{
    sim_world_run(world, world->now_ns + duration_ns);
    if (world->report.violated)
        fail_msg("%s", world->report.text);
}

void assert_all_delivered_once(const struct sim_stream *stream)
{
    assert_true(stream->count > 0);
    for (size_t i = 0; i < stream->count; i++) {
        assert_int_equal(stream->entries[i].emitted, 1);
        assert_int_equal(stream->entries[i].delivered, 1);
    }
}

const struct ftun_counters *calm_counters(const struct sim_world *world, enum sim_side side)
{
    return ftun_endpoint_counters(world->ends[side].endpoint);
}
