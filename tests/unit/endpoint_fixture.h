/* An endpoint, its last actions, and peers that speak to it. Actions are described as trace lines;
 * sequence numbers that the endpoint chose are shown relative to its first: tests cannot know them,
 * and need not. */
#ifndef FTUN_TESTS_ENDPOINT_FIXTURE_H
#define FTUN_TESTS_ENDPOINT_FIXTURE_H

#include "endpoint.h"
#include "unit.h"

extern const uint64_t start;

extern struct ftun_endpoint_config config;
extern struct ftun_endpoint *endpoint;
extern struct ftun_actions actions;
extern uint64_t now;
extern uint32_t own_isn;  /* of the last SYN or SYN-ACK described */
extern uint16_t own_port; /* its source */

/* From the client's address, of either family, to this one of a server's. */
struct ftun_path path_to(struct ftun_socket_address server);

struct ftun_endpoint_config client_config(void);
struct ftun_endpoint_config server_config(void);

/* A client that probes its server, and finds it dead, at the times that are the default. */
struct ftun_endpoint_config watchful_config(void);

/* Make `endpoint` anew, at the time `start`. */
void create(struct ftun_endpoint_config wanted);
int endpoint_tear_down(void **state);

/* Asserts that the endpoint is valid. The actions since the last call, " | " between them: segments
 * without their addresses, as
 * "> FLAGS sequence:end(len) ack N win W", the others as they are traced. */
const char *happened(void);

/* Time passes until the next deadline; what happened then. */
const char *meet_deadline(void);

/* The same, until something has happened. */
const char *wait_for_event(void);

/* How often the endpoint has refused for this reason. */
uint64_t refused(enum ftun_refusal refusal);

struct peer {
    struct ftun_socket_address address;
    struct ftun_socket_address to;
};

/* To a client: from its server. */
struct peer the_server(void);

/* To a server: from a client. */
struct peer a_client(uint16_t port);

/* Give the endpoint a segment with a window of 65535; a SYN names an MSS and a window scale. */
void give(struct peer peer, uint8_t flags, uint32_t sequence, uint32_t ack, const char *payload);

/* The same, as the kernel's GRO glues it from segments of `segment_size` bytes. */
void give_glued(struct peer peer, uint8_t flags, uint32_t sequence, uint32_t ack,
                const char *payload, size_t segment_size);

/* The same, of `len` bytes of any value. */
void give_bytes(struct peer peer, uint8_t flags, uint32_t sequence, uint32_t ack,
                const uint8_t *payload, size_t len, size_t segment_size);

/* A segment with these TCP options, and no payload. */
void give_options(struct peer peer, uint8_t flags, uint32_t sequence, uint32_t ack,
                  const uint8_t *options, size_t len);

const struct ftun_socket_address *application_at(uint16_t port);

/* Returns the bytes dealt with. */
size_t send_datagrams(uint32_t flow, size_t len, size_t stride);

#define SYN "> S 0:0(0) win 64240 <mss 1460,nop,nop,sackOK,nop,wscale 10>"

/* A client whose one flow, 0, has sent its SYN. */
uint32_t dialing_client_of(struct ftun_endpoint_config wanted);

/* A client with one established flow, 0; the server's first sequence number is 5000. */
uint32_t established_client(void);
uint32_t established_client_of(struct ftun_endpoint_config wanted);

/* A client with a handshake under way from each local port that there is: flows 0, 1, ... of the
 * applications at 1, 2, ... */
void client_of_all_ports(struct ftun_endpoint_config wanted);

/* A server with one more established flow; the client's first sequence number is 100. */
void established_server(uint16_t port);

#endif
