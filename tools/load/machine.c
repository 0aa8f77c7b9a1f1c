#include "machine.h"

#include "fail.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

double machine_busy_seconds(void)
{
    uint64_t user = 0;
    uint64_t nice = 0;
    uint64_t system = 0;
    uint64_t hard_interrupt = 0;
    uint64_t soft_interrupt = 0;
    FILE *file = fopen("/proc/stat", "re");
    int fields = 0;

    if (file) {
        /* proc(5): idle and iowait stand between system and irq. Guests are part of user. */
        fields =
            fscanf(file, "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %*u %*u %" SCNu64 " %" SCNu64,
                   &user, &nice, &system, &hard_interrupt, &soft_interrupt);
        fclose(file);
    }
    if (fields != 5)
        fail("cannot read how busy the machine is from /proc/stat");
    return (double)(user + nice + system + hard_interrupt + soft_interrupt) /
           (double)sysconf(_SC_CLK_TCK);
}
