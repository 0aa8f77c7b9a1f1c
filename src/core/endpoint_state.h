/* Inside of an endpoint, shared by the endpoint_*.c files and by nobody else. */
#ifndef FTUN_CORE_ENDPOINT_STATE_H
#define FTUN_CORE_ENDPOINT_STATE_H

#include "deadlines.h"
#include "endpoint.h"
#include "flow_table.h"
#include "rate_limit.h"
#include "reassembly.h"

struct ftun_endpoint {
    struct ftun_endpoint_config config;
    struct ftun_flow_table table;
    struct ftun_deadlines deadlines;
    struct ftun_pending_pool pending;
    struct ftun_reassembly reassembly;
    struct ftun_rate_limit answers; /* to strangers */
    uint64_t dial_after_ns;         /* a client whose server refuses begins no flow before */
    uint64_t dial_pause_ns;         /* 0 while the server does not refuse */
    struct ftun_profile linux_profile, phantun_profile; /* as they are on this host */
    const struct ftun_profile *profile; /* a client's next connection begins with this one */
    uint64_t draws;                     /* pseudo-random numbers drawn so far */
    uint32_t turn;                      /* first flow with an ACK due */
    struct ftun_counters counters;
};

/* Count a refusal of `count` packets or datagrams. */
void ftun_endpoint_refuse(struct ftun_endpoint *ep, enum ftun_refusal refusal, size_t count);

/* Append an action; there must be room. */
struct ftun_action *ftun_endpoint_act(struct ftun_actions *actions, enum ftun_action_kind kind,
                                      uint32_t flow);

/* The next pseudo-random number of this endpoint: SipHash in counter mode. */
uint64_t ftun_endpoint_draw(struct ftun_endpoint *ep);

/* What is random in a connection of this tuple: always the same, so that a server knows it again
 * without having kept it. */
uint64_t ftun_endpoint_seed(const struct ftun_endpoint *ep, const struct ftun_tuple *tuple);

/* Append the SEND of a segment without payload. */
void ftun_endpoint_send_control(struct ftun_endpoint *ep, uint32_t flow,
                                const struct ftun_tuple *tuple, const struct ftun_tcp_header *tcp,
                                uint16_t ip_id, struct ftun_actions *actions);

/* Append the SEND of `len` payload bytes: of `data`, or of the caller's burst from `offset`. */
void ftun_endpoint_send_payload(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                                const uint8_t *data, size_t offset, size_t len, size_t stride,
                                struct ftun_actions *actions);

/* The same for datagrams of the application, none larger than the MSS: as far as the peer's window
 * allows, the rest is refused; both are counted. */
void ftun_endpoint_send_datagrams(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                                  const uint8_t *data, size_t offset, size_t len, size_t stride,
                                  struct ftun_actions *actions);

/* ftun's own address in the tunnel, of this family; its family is NONE when there is none. */
static inline const struct ftun_address *ftun_endpoint_address(const struct ftun_endpoint *ep,
                                                               uint8_t family)
{
    return family == FTUN_IPV6 ? &ep->config.local6 : &ep->config.local4;
}

/* Carry out what a step of a flow's connection asks for, and look after its deadline. At most
 * FTUN_STEP_ACTIONS_MAX actions. */
void ftun_endpoint_apply(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                         const struct ftun_step *step, struct ftun_actions *actions);

/* A segment, ESTABLISHED, handshake packet, what was pending, CLOSE. */
#define FTUN_STEP_ACTIONS_MAX (FTUN_PENDING_PER_FLOW + 4)

/* The flow's connection is established: say so, send what comes first. */
void ftun_endpoint_established(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                               struct ftun_actions *actions);

/* --- a client's connections: endpoint_dial.c ----------------------------------------------- */

/* The SYN was answered by RST: perhaps the peer only knows the other dialect. True when it is
 * asked in that one now. */
bool ftun_endpoint_dial_other_dialect(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                                      const struct ftun_step *step, struct ftun_actions *actions);

/* The server has answered like this connection's peer. */
void ftun_endpoint_server_answered(struct ftun_endpoint *ep,
                                   const struct ftun_connection *connection);

/* The server has refused. */
void ftun_endpoint_pause_dialing(struct ftun_endpoint *ep, uint64_t now_ns);

#endif
