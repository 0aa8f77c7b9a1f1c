/* One end of a tunnel: many flows, each a UDP flow and its fake TCP connection.
 *
 * Three inputs: datagrams from applications, packets from the tunnel, the passing of time. One
 * output: actions, which the caller carries out in order, before the next call: what an action
 * points to is valid until then. No call allocates, blocks, or reads a clock; `now_ns` never runs
 * backwards.
 *
 *     packet or burst ──> ftun_endpoint_packet() / _datagrams() ──> actions
 *     end of a turn   ──> ftun_endpoint_end_turn()              ──> the ACKs that became due
 *     deadline        ──> ftun_endpoint_timeout()               ──> retransmissions, closes
 *
 * A turn is whatever the caller handles before it waits again: acknowledgments due in it leave
 * together at its end, as a kernel's do behind GRO. */
#ifndef FTUN_CORE_ENDPOINT_H
#define FTUN_CORE_ENDPOINT_H

#include "burst.h"
#include "connection.h"
#include "siphash.h"
#include "steering.h"

enum ftun_role { FTUN_CLIENT, FTUN_SERVER };

/* How the peer speaks: ftun's way (the kernel's), Phantun's, or whichever it answers. */
enum ftun_peer { FTUN_PEER_AUTO, FTUN_PEER_FTUN, FTUN_PEER_PHANTUN };

/* A client's way to one of the server's addresses; both are of one family. */
struct ftun_path {
    struct ftun_socket_address remote;
    struct ftun_address local; /* packets that go there have this source */
};

struct ftun_flow_total;

struct ftun_endpoint_config {
    enum ftun_role role;
    enum ftun_peer peer;             /* client only: a server takes both as they come */
    struct ftun_hash_key key;        /* random, secret */
    struct ftun_path path;           /* client: to the server; see ftun_endpoint_set_paths() */
    struct ftun_port_range ports;    /* client: its own; 0 to 0: those of a Linux host */
    struct ftun_address local4;      /* server: its own address; family NONE: no IPv4 */
    struct ftun_address local6;      /* the same for IPv6 */
    bool any_local;                  /* all addresses are its own, but IPv6's link-local ones */
    uint16_t port;                   /* server: the TCP port it listens on */
    uint16_t mtu;                    /* bytes, of the path as far as known */
    struct ftun_host host;           /* what profiles take from it */
    uint8_t hops;                    /* times the host decrements TTL before the wire */
    bool segmentation_offload;       /* bursts may leave as one super-segment */
    struct ftun_timeouts timeouts;   /* of each connection; a server needs idle_ns only */
    uint32_t max_flows;              /* at least 1 */
    struct ftun_flow_total *total;   /* of endpoints that share this limit; NULL: its own */
    uint32_t max_flows_per_source;   /* server: of an IPv4 address or an IPv6 /64; 0: no limit */
    uint32_t pending_slots;          /* datagrams that wait for handshakes, over all flows */
    uint32_t reassembly_slots;       /* packets that wait for their other IP fragments */
    const uint8_t *handshake_packet; /* first payload of each connection; outlives the endpoint */
    size_t handshake_packet_len;     /* bytes; 0: none */
    uint32_t worker, workers; /* which of how many endpoints behind one TUN; 0 of 0: the only one */
    bool resumption; /* flows go on over new connections (docs/resumption.md); the first payload
                      * is taken for it, so never with a handshake packet */
};

enum ftun_action_kind {
    FTUN_ACTION_SEND,        /* write a segment to the tunnel */
    FTUN_ACTION_DELIVER,     /* give datagrams to the flow's application */
    FTUN_ACTION_OPEN,        /* a flow begins; its number is this from now on */
    FTUN_ACTION_ESTABLISHED, /* its handshake is done; once more when it goes on over another */
    FTUN_ACTION_MSS,         /* its path carries less than was thought */
    FTUN_ACTION_RECONNECT, /* client: its connection is doubtful or has failed, another is tried */
    FTUN_ACTION_HAND_OVER, /* give a packet to the worker that it belongs to */
    FTUN_ACTION_CLOSE      /* the flow has ended; its number may come again later */
};

struct ftun_action {
    enum ftun_action_kind kind;
    uint32_t flow; /* FTUN_NO_FLOW for answers to strangers */
    union {
        struct {
            struct ftun_segment segment;
            const uint8_t *data; /* payload; NULL: it is the caller's burst, from `offset` on */
            size_t offset;       /* bytes */
            size_t stride;       /* bytes a datagram: the payload is one super-segment if larger */
        } send;
        struct {
            const uint8_t *data; /* in the packet given, or in one that it completed */
            size_t len, stride;  /* bytes */
        } deliver;
        struct {
            struct ftun_tuple tuple;
        } open;
        struct {
            struct ftun_tuple tuple;
            const struct ftun_profile *profile;
            uint16_t mss; /* bytes: the largest datagram that fits */
            bool again;   /* server: the flow has had another connection */
        } established;
        struct {
            uint16_t mss; /* bytes */
        } mss;
        struct {
            enum ftun_close_reason reason; /* of the failure */
            uint16_t attempt; /* 1 for the first after a connection that lasted; 0: beside it */
        } reconnect;
        struct {
            uint32_t worker;
            const uint8_t *data;      /* the packet given, or one that it completed */
            size_t len, segment_size; /* bytes; as of a struct ftun_tunnel_packet */
        } hand_over;                  /* its checksums have been verified */
        struct {
            enum ftun_close_reason reason;
        } close;
    };
};

#define FTUN_ACTIONS_MAX 64u

/* Filled by each call from the start. */
struct ftun_actions {
    size_t count;
    struct ftun_action at[FTUN_ACTIONS_MAX];
};

/* A packet read from the tunnel. */
struct ftun_tunnel_packet {
    const uint8_t *data; /* from the IP header on */
    size_t len;          /* bytes */
    size_t segment_size; /* payload bytes of each segment the kernel glued; 0: a single one */
    bool checksum_vouched;
};

struct ftun_counters {
    uint64_t segments_received, segments_sent;    /* on the wire */
    uint64_t datagrams_delivered, datagrams_sent; /* to and from applications */
    uint64_t bytes_delivered, bytes_sent;         /* of datagrams */
    uint64_t flows_opened, flows_closed;
    uint64_t flows_resumed; /* went on over a new connection */
    uint64_t flows_yielded; /* those closed to make room for others */
    uint64_t fragments_received, packets_reassembled;
    uint64_t icmp_errors_received;
    uint64_t packets_handed_over;         /* to the workers that they belong to */
    uint64_t packets_misdirected;         /* those that the kernel should have given to another */
    uint64_t answers_suppressed;          /* by the rate limit for strangers */
    uint64_t refused[FTUN_REFUSAL_COUNT]; /* packets, or datagrams */
};

struct ftun_endpoint;

#define FTUN_REMOTES_MAX 8u /* addresses of a server that are used, each by one path */

/* Bytes of memory that an endpoint of this configuration needs, from its limits. */
size_t ftun_endpoint_size(const struct ftun_endpoint_config *config);

/* Make an endpoint inside `memory`: ftun_endpoint_size() bytes, aligned as malloc() does. The
 * caller keeps and frees it. `config` is copied. */
struct ftun_endpoint *ftun_endpoint_create(const struct ftun_endpoint_config *config, void *memory);

/* Client: the paths to the server from now on, best first; those beyond FTUN_REMOTES_MAX, and those
 * without a local address, are left out. Nothing changes when none is left. Handshakes by other
 * paths are given up, and so, as soon as there is another, is a connection from an address that is
 * none of theirs any more; the other connections stay. In the beginning there is config.path, if it
 * is one. Takes time with the number of flows; what is to be sent is due soon. */
void ftun_endpoint_set_paths(struct ftun_endpoint *endpoint, const struct ftun_path *paths,
                             size_t count);

/* The path has changed: `mtu` is its MTU in bytes, as far as known; it never exceeds that of the
 * configuration. Connections whose segments are larger get smaller ones (MSS); a larger MTU is for
 * connections from now on. A client's connections have to prove that they are still alive. Takes
 * time with the number of flows; what is to be done is due soon. */
void ftun_endpoint_path_changed(struct ftun_endpoint *endpoint, uint64_t now_ns, uint16_t mtu);

/* A packet has come from the tunnel. */
void ftun_endpoint_packet(struct ftun_endpoint *endpoint, uint64_t now_ns,
                          const struct ftun_tunnel_packet *packet, struct ftun_actions *actions);

/* Client: the flow of datagrams from this application; begun if need be, and then `actions` holds
 * its OPEN and SYN. FTUN_NO_FLOW when it cannot be begun (counted: FLOW_LIMIT, PORTS_EXHAUSTED,
 * FAMILY_UNAVAILABLE). */
uint32_t ftun_endpoint_flow(struct ftun_endpoint *endpoint, uint64_t now_ns,
                            const struct ftun_socket_address *application,
                            struct ftun_actions *actions);

/* Datagrams have come from a flow's application: those of `burst` from byte `offset` on, a
 * multiple of its stride. Returns how many bytes were dealt with, sent or refused: call again with
 * the rest when that is not all. */
size_t ftun_endpoint_datagrams(struct ftun_endpoint *endpoint, uint64_t now_ns, uint32_t flow,
                               const struct ftun_burst *burst, size_t offset,
                               struct ftun_actions *actions);

/* The turn is over. True when there was not room for all: call again. */
bool ftun_endpoint_end_turn(struct ftun_endpoint *endpoint, uint64_t now_ns,
                            struct ftun_actions *actions);

/* When ftun_endpoint_timeout() wants to be called; may be too early, never too late. FTUN_NEVER. */
uint64_t ftun_endpoint_deadline(const struct ftun_endpoint *endpoint);

/* Do what is due at `now_ns`. When there was not room for all, the deadline has still passed:
 * call again. */
void ftun_endpoint_timeout(struct ftun_endpoint *endpoint, uint64_t now_ns,
                           struct ftun_actions *actions);

/* Close a flow from this end; nothing when it has ended already, or never was. */
void ftun_endpoint_close(struct ftun_endpoint *endpoint, uint64_t now_ns, uint32_t flow,
                         struct ftun_actions *actions);

/* Close all flows. True when there was not room for all: call again. From now on a server ignores
 * the SYNs of new ones; handshakes under way may still complete. */
bool ftun_endpoint_close_all(struct ftun_endpoint *endpoint, uint64_t now_ns,
                             struct ftun_actions *actions);

/* Flows that still have a connection, those being closed included. */
uint32_t ftun_endpoint_flow_count(const struct ftun_endpoint *endpoint);

/* Flows that neither end has closed; those of which the caller has not heard yet are among them. */
uint32_t ftun_endpoint_open_count(const struct ftun_endpoint *endpoint);

/* Flows that have a connection in any state but TIME_WAIT: after a close, those that still wait for
 * the peer's part of it. */
uint32_t ftun_endpoint_closing_count(const struct ftun_endpoint *endpoint);

const struct ftun_counters *ftun_endpoint_counters(const struct ftun_endpoint *endpoint);

/* True when all that an endpoint keeps agrees with itself: for debug builds, fuzzers and proofs,
 * between any two calls. Looks at everything: takes time with the number of flows. */
bool ftun_endpoint_valid(const struct ftun_endpoint *endpoint);

#endif
