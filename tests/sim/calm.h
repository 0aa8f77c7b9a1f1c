/* A world for tests: nothing goes wrong in it unless the test does it. */
#ifndef FTUN_TESTS_SIM_CALM_H
#define FTUN_TESTS_SIM_CALM_H

#include "unit.h"
#include "world.h"

/* IPv4, no NAT, 10 ms each way; each application speaks twice a second and is answered. */
struct sim_scenario calm_scenario(uint32_t applications);

/* Both ends alive, everybody about to speak. Ends with sim_world_destroy(). */
struct sim_world *calm_start(const struct sim_scenario *scenario);

/* Let time pass. Fails the test when a rule is broken meanwhile. */
void calm_run(struct sim_world *world, uint64_t duration_ns);

void assert_all_delivered_once(const struct sim_stream *stream);

const struct ftun_counters *calm_counters(const struct sim_world *world, enum sim_side side);

#endif
