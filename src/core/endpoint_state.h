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
    struct ftun_rate_limit answers;           /* to strangers */
    struct ftun_path paths[FTUN_REMOTES_MAX]; /* a client's, to its server: best first */
    uint8_t path_count;
    uint8_t path_best;                                  /* the one that answered last */
    struct ftun_profile linux_profile, phantun_profile; /* as they are on this host */
    const struct ftun_profile *profile; /* a client's next connection begins with this one */
    uint64_t draws;                     /* pseudo-random numbers drawn so far */
    uint64_t chains;                    /* a client's hash chains so far */
    uint32_t turn;                      /* first flow with an ACK due */
    uint32_t lingering;                 /* flows that linger */
    uint32_t open;                      /* flows that nobody has closed */
    bool closing;                       /* ftun_endpoint_close_all() was called */
    uint32_t close_from;                /* where ftun_endpoint_close_all() goes on */
    struct ftun_counters counters;
    /* records and answers that the actions of a call send, each in the place of its action */
    uint8_t (*messages)[FTUN_RESUME_RECORD];
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

/* The same, but for the header's numbers, which the caller fills in what is returned. */
struct ftun_segment *ftun_endpoint_append_payload(struct ftun_endpoint *ep, uint32_t flow,
                                                  const uint8_t *data, size_t offset, size_t len,
                                                  size_t stride, struct ftun_actions *actions);

/* The same for datagrams of the application, none larger than the MSS: as far as the peer's window
 * allows, the rest is refused; both are counted. */
void ftun_endpoint_send_datagrams(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                                  const uint8_t *data, size_t offset, size_t len, size_t stride,
                                  struct ftun_actions *actions);

/* The next point in time at which something is due of this flow; FTUN_NEVER. */
uint64_t ftun_endpoint_flow_deadline(const struct ftun_endpoint *ep, const struct ftun_flow *f);

/* The state of this flow's connection may have changed, or a deadline of it be earlier now. */
void ftun_endpoint_watch(struct ftun_endpoint *ep, uint32_t flow);

/* A flow begins; it is in use. */
void ftun_endpoint_open_flow(struct ftun_endpoint *ep, uint32_t flow);

/* Nothing is left of a flow. */
void ftun_endpoint_forget_flow(struct ftun_endpoint *ep, uint32_t flow);

/* Carry out what a step of a flow's connection asks for, and look after its deadline. At most
 * FTUN_STEP_ACTIONS_MAX actions. */
void ftun_endpoint_apply(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                         const struct ftun_step *step, struct ftun_actions *actions);

/* MSS, a segment, ESTABLISHED, handshake packet, what was pending, and CLOSE or RECONNECT and SYN.
 */
#define FTUN_STEP_ACTIONS_MAX (FTUN_PENDING_PER_FLOW + 6)

/* The flow's connection is established: say so, send what comes first. */
void ftun_endpoint_established(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                               struct ftun_actions *actions);

/* Say so only; `again`: a server's flow goes on over another connection. */
void ftun_endpoint_tell_established(struct ftun_endpoint *ep, uint32_t flow, bool again,
                                    struct ftun_actions *actions);

/* A server's flow begins, and is established, unless the caller knows of it already. */
void ftun_endpoint_announce(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                            struct ftun_actions *actions);

/* Send what has waited. */
void ftun_endpoint_send_pending(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                                struct ftun_actions *actions);

/* Two flows in use exchange their connections, with the tuples that these are under, and keep all
 * else: a flow goes on over a new connection under its number. */
void ftun_endpoint_exchange_connections(struct ftun_endpoint *ep, uint32_t a, uint32_t b);

/* --- a client's connections: endpoint_dial.c ----------------------------------------------- */

/* A flow's connection has ended for this reason. True when a new one takes its place. At most two
 * actions. */
bool ftun_endpoint_redial(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                          enum ftun_close_reason reason, struct ftun_actions *actions);

/* Begin a connection of a flow that is under no tuple, its SYN leaving at `at_ns`; false, and
 * nothing changed, when there is no port. One action, the SYN. */
bool ftun_endpoint_dial(struct ftun_endpoint *ep, uint64_t now_ns, uint64_t at_ns, uint32_t flow,
                        const struct ftun_profile *profile, struct ftun_actions *actions);

/* A flow whose next connection waits for its time is dialed with the next timeout. */
void ftun_endpoint_hurry(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow);

/* The server has completed a handshake of this flow. */
void ftun_endpoint_server_answered(struct ftun_endpoint *ep, const struct ftun_flow *flow);

/* --- going on over a new connection: endpoint_resume.c ------------------------------------- */

/* Payload as it has arrived. */
struct ftun_payload {
    const uint8_t *data;
    size_t len, stride; /* bytes; the stride is not 0 */
};

/* Take ftun's own messages out of the payload, and do what they say. Returns the flow that the
 * rest, and the connection, belongs to. */
uint32_t ftun_endpoint_take_messages(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                                     struct ftun_payload *payload, struct ftun_actions *actions);

/* A server's flow that may go on over another connection waits for it when its own is reset: true
 * when it does. A middlebox may have reset both ends. */
bool ftun_endpoint_detach(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                          enum ftun_close_reason reason);

/* A server's flow whose connection may prove to be another flow's. */
bool ftun_endpoint_expects_record(const struct ftun_endpoint *ep, uint32_t flow);

/* The first payload of a client's connection, where the server is one that resumes. */
void ftun_endpoint_send_record(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                               struct ftun_actions *actions);
void ftun_endpoint_repeat_record(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                                 struct ftun_actions *actions);

/* The flow's datagrams wait until the server has said whether it goes on. */
bool ftun_endpoint_awaits_answer(const struct ftun_flow *f);

/* The server might take a datagram of this connection for a record, if it looked like one. */
bool ftun_endpoint_may_forge_record(const struct ftun_endpoint *ep,
                                    const struct ftun_connection *connection);

/* --- paths: endpoint_path.c ---------------------------------------------------------------- */

/* Client: packets are sent from this address. */
bool ftun_endpoint_sends_from(const struct ftun_endpoint *ep, const struct ftun_address *address);

/* The flow's packets are not to be larger than `mtu` bytes. At most one action, MSS. */
void ftun_endpoint_limit_mtu(struct ftun_endpoint *ep, uint32_t flow, uint16_t mtu,
                             struct ftun_actions *actions);

/* --- connections tried beside others: endpoint_rival.c ------------------------------------ */

/* A connection that is tried for another flow. */
bool ftun_endpoint_is_rival(const struct ftun_flow *f);

/* When a rival is to be tried; FTUN_NEVER. */
uint64_t ftun_endpoint_rival_at(const struct ftun_endpoint *ep, const struct ftun_flow *f);

/* Try one, if there is a slot and a port. At most two actions. */
void ftun_endpoint_rival_begin(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow,
                               struct ftun_actions *actions);

/* A flow, or a rival, is forgotten: the other one stands alone. */
void ftun_endpoint_rival_leave(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t flow);

/* The flow's rival is forgotten, if it has one. Another may be tried at once. */
void ftun_endpoint_rival_drop(struct ftun_endpoint *ep, uint32_t flow);

/* True for a rival that is of no use any more: its flow has been heard. */
bool ftun_endpoint_rival_yields(struct ftun_endpoint *ep, uint32_t flow);

/* A rival is established: the flow is its own now, unless it is of no use any more. */
void ftun_endpoint_rival_established(struct ftun_endpoint *ep, uint64_t now_ns, uint32_t rival,
                                     struct ftun_actions *actions);

/* The flow's connection has ended: true when a rival's takes its place. */
bool ftun_endpoint_rival_succeeds(struct ftun_endpoint *ep, uint32_t flow);

#endif
