/* A firewall that follows connections, stricter than any: a packet that does not fit into what it
 * has seen of its connection is a violation.
 *
 * The rules are those of G. van Rooij, "Real Stateful TCP Packet Filtering in IP Filter" (2001), on
 * which Linux, BSD and others build. Where they differ, the strict rule is taken: pf asks for a
 * segment to end within the window, Linux only for it to begin there. Timeouts are left to
 * tests/e2e. */
#ifndef FTUN_TESTS_SIM_CONNTRACK_H
#define FTUN_TESTS_SIM_CONNTRACK_H

#include "report.h"
#include "scenario.h"
#include "wire.h"

struct sim_conntrack;

/* It stands next to one side: what that side sends it sees before anything happens to it, and what
 * that side receives, as it is received. `forgives_late`: what lies behind the window passes, as
 * held up on the way; Linux before 6.2 dropped it. */
struct sim_conntrack *sim_conntrack_create(enum sim_side beside, bool forgives_late);

void sim_conntrack_destroy(struct sim_conntrack *conntrack);

/* A whole, unaltered packet passes. */
void sim_conntrack_see(struct sim_conntrack *conntrack, const struct sim_packet *packet);

/* The side that it stands next to. */
enum sim_side sim_conntrack_side(const struct sim_conntrack *conntrack);

/* The first packet that did not fit, and how many it has seen that did. */
const struct sim_report *sim_conntrack_report(const struct sim_conntrack *conntrack);
uint64_t sim_conntrack_passed(const struct sim_conntrack *conntrack);

#endif
