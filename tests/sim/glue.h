/* What a receiving kernel's GRO does: consecutive segments of one connection become one packet. */
#ifndef FTUN_TESTS_SIM_GLUE_H
#define FTUN_TESTS_SIM_GLUE_H

#include "wire.h"

#define SIM_GLUE_MAX 64u /* segments */

struct sim_glue {
    struct sim_packet *first; /* NULL: nothing is held */
    size_t count;             /* segments held */
    size_t segment_size;      /* payload bytes of each but the last */
    size_t headers_len;       /* bytes */
    size_t len;               /* bytes held */
    uint32_t next_sequence;
    bool ended; /* by PSH, or by a shorter segment */
    struct sim_label labels[SIM_GLUE_MAX];
    uint64_t births[SIM_GLUE_MAX];
    uint8_t bytes[FTUN_IP_PACKET_MAX]; /* when count > 1 */
};

/* True when GRO would hold this packet at all: an unaltered segment with data. */
bool sim_glue_wants(const struct sim_packet *packet);

/* Hold a packet that sim_glue_wants(), when nothing is held. */
void sim_glue_begin(struct sim_glue *glue, struct sim_packet *packet);

/* Append to what is held. False, and nothing changed, when it does not continue that. The packet
 * stays the caller's. */
bool sim_glue_append(struct sim_glue *glue, const struct sim_packet *packet);

/* What is held as the packet that an end reads; the glue still holds it. */
struct ftun_tunnel_packet sim_glue_packet(struct sim_glue *glue);

#endif
