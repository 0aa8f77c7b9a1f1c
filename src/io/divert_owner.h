/* A socket that what ftun sends belongs to.
 *
 * What is written to a TUN belongs to the TUN's own socket, as what an application sends belongs to
 * its own. Of a super-segment that the kernel cuts, the last segment alone does so, and GRO behind
 * a veth, which compares owners, lets it overtake the others (Linux 5.15: skb_prepare_for_gro(),
 * skb_segment()). With an owner that has not to wait for room in a send buffer that cannot happen;
 * and fq, which takes all of a connected socket's packets for one flow, tells ftun's flows apart.
 */
#ifndef FTUN_IO_DIVERT_OWNER_H
#define FTUN_IO_DIVERT_OWNER_H

#include "error.h"

/* Make it, and put it into the BPF map `map`. Returns its descriptor, which the caller closes;
 * -1. */
int ftun_divert_owner_open(int map, struct ftun_error *error);

#endif
