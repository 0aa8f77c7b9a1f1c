#include "liveness.h"
#include "prove.h"

int main(void)
{
    struct ftun_liveness liveness = {any_u64(), any_u64(), (uint8_t)any_size(0, FTUN_PROBES_MAX)};
    const struct ftun_timeouts timeouts = {any_u64(), any_u64(), any_u64()};
    ftun_liveness_probe_at(&liveness, &timeouts);
    ftun_liveness_doubt_at(&liveness, &timeouts);
    ftun_liveness_dead_at(&liveness, &timeouts);
    ftun_liveness_idle_at(&liveness, &timeouts);
    ftun_liveness_probed(&liveness, any_u64());
    //@ assert liveness.probes <= FTUN_PROBES_MAX;
    ftun_liveness_heard(&liveness, any_u64());
    //@ assert liveness.probes == 0;
    return 0;
}
