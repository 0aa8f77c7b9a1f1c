/* One seed, from beginning to end. */
#ifndef FTUN_TESTS_SIM_TRIAL_H
#define FTUN_TESTS_SIM_TRIAL_H

#include "world.h"

/* Run a scenario. False when an invariant was violated: world->report says which. */
bool sim_trial_run(struct sim_world *world, const struct sim_scenario *scenario);

#endif
