/* An endpoint in an arena of exactly its size, whose every call is checked: what it keeps agrees
 * with itself, and its actions are such that a caller can carry them out blindly. */
#ifndef FTUN_FUZZ_CHECKED_ENDPOINT_H
#define FTUN_FUZZ_CHECKED_ENDPOINT_H

#include "endpoint.h"
#include "fuzz_input.h"

enum { CHECKED_FLOWS = 4, CHECKED_PENDING_SLOTS = 6, CHECKED_REASSEMBLY_SLOTS = 2 };

/* What the actions so far say of a flow. */
struct checked_flow {
    bool open, established;
    uint16_t mss;    /* bytes, once established */
    bool reconnects; /* another connection is tried */
};

struct checked_endpoint {
    struct ftun_endpoint_config config;
    struct ftun_endpoint *endpoint;
    struct ftun_actions *actions; /* of the last call */
    uint8_t *packet;              /* of the last call, as DELIVER may point into it */
    size_t packet_len;            /* bytes */
    struct checked_flow flows[CHECKED_FLOWS];
};

/* What both ends have in common: limits, a key made of `secret`; the rest is the caller's. */
struct ftun_endpoint_config checked_config(enum ftun_role role, uint8_t secret);

/* One endpoint of each role at a time. */
void checked_create(struct checked_endpoint *end, const struct ftun_endpoint_config *config);

/* Frees all; `end` may be created again. */
void checked_destroy(struct checked_endpoint *end);

/* The calls of endpoint.h, checked; the actions are in end->actions. The packet is copied. */
void checked_packet(struct checked_endpoint *end, uint64_t now_ns,
                    const struct ftun_tunnel_packet *packet);
uint32_t checked_flow(struct checked_endpoint *end, uint64_t now_ns,
                      const struct ftun_socket_address *application);
size_t checked_datagrams(struct checked_endpoint *end, uint64_t now_ns, uint32_t flow,
                         const struct ftun_burst *burst, size_t offset);
bool checked_end_turn(struct checked_endpoint *end, uint64_t now_ns);
void checked_path_changed(struct checked_endpoint *end, uint64_t now_ns,
                          const struct ftun_path *paths, size_t count, uint16_t mtu);
void checked_timeout(struct checked_endpoint *end, uint64_t now_ns);
void checked_close(struct checked_endpoint *end, uint64_t now_ns, uint32_t flow);
bool checked_close_all(struct checked_endpoint *end, uint64_t now_ns);

/* The bytes that a SEND puts on the wire, headers and payload: a block that is given back by
 * free(), `*len` bytes. `burst`: of the call that led to it; NULL when there was none. */
uint8_t *checked_wire_bytes(const struct ftun_action *send, const struct ftun_burst *burst,
                            size_t *len);

#endif
