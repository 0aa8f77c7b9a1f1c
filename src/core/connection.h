/* One fake TCP connection: the state machine of RFC 9293 3.3.2 without what ftun has no use for.
 *
 * It never retransmits data, never reorders, and has no half-open side: when the peer closes, so
 * does this end. SYN_RECEIVED is missing because a listener keeps no state before the third packet
 * of the handshake; the SYN cookie is that state (cookie.h). */
#ifndef FTUN_CORE_CONNECTION_H
#define FTUN_CORE_CONNECTION_H

#include "liveness.h"
#include "packet.h"
#include "profile.h"
#include "receive_window.h"

enum ftun_state {
    FTUN_CLOSED,
    FTUN_SYN_SENT,
    FTUN_ESTABLISHED,
    FTUN_FIN_WAIT_1,
    FTUN_FIN_WAIT_2,
    FTUN_CLOSING,
    FTUN_LAST_ACK,
    FTUN_TIME_WAIT
};

enum ftun_close_reason {
    FTUN_STILL_OPEN,
    FTUN_CLOSED_LOCALLY, /* this end was told to */
    FTUN_CLOSED_IDLE,    /* nothing received for the idle timeout */
    FTUN_CLOSED_YIELDED, /* this end needed its place */
    FTUN_CLOSED_BY_PEER, /* FIN */
    FTUN_CLOSED_RESET,   /* RST in a live connection */
    FTUN_CLOSED_REFUSED, /* RST in answer to the SYN */
    FTUN_CLOSED_TIMEOUT, /* no answer to the SYN */
    FTUN_CLOSED_DEAD     /* no answer any more */
};

/* One line for people; static. */
const char *ftun_close_reason_text(enum ftun_close_reason reason);

/* The message that a client sends before anything else, so that a flow goes on over this
 * connection (resume_token.h), and again until the server has answered. */
enum ftun_opening { FTUN_OPENING_NONE, FTUN_OPENING_SENT, FTUN_OPENING_ANSWERED };

struct ftun_connection {
    const struct ftun_profile *profile;
    struct ftun_liveness liveness;
    uint64_t retransmit_at;      /* ns: SYN or FIN again, or the end of TIME_WAIT */
    uint64_t ack_at;             /* ns: delayed ACK */
    uint64_t progress_at;        /* ns: snd_una moved, or nothing was left to acknowledge */
    uint64_t window_probe_after; /* ns: no window probe before */
    uint64_t challenge_after;    /* ns: no challenge ACK before */
    uint64_t data_at;            /* ns: payload received; 0: none yet */
    uint64_t sent_at;            /* ns: payload sent; 0: none yet */
    uint32_t snd_una, snd_nxt;   /* oldest unacknowledged, next to send */
    uint32_t snd_max;            /* the furthest that snd_nxt has been */
    uint32_t snd_edge;           /* right edge of the peer's window */
    uint32_t una_recent;         /* snd_una at una_marked_at */
    uint32_t una_oldest;         /* and FTUN_ACK_MEMORY before that, or later */
    uint64_t una_marked_at;      /* ns */
    uint32_t rcv_nxt;            /* next expected */
    uint32_t rcv_left;           /* what it was before it last jumped ahead */
    uint32_t acknowledged;       /* the last acknowledgment sent: Last.ACK.sent of RFC 7323 4.3 */
    struct ftun_receive_window window; /* that this end advertises */
    uint32_t timestamp_offset;         /* TSval is the time in ms, and this */
    uint32_t timestamp_recent;         /* TS.Recent of RFC 7323 4.3: echoed */
    uint32_t flow_label;               /* of its IPv6 headers */
    uint16_t mss;                      /* payload bytes that a segment may carry */
    uint16_t ip_id;                    /* of the next packet */
    uint8_t state;                     /* enum ftun_state */
    uint8_t peer_window_scale;
    uint8_t retries;         /* of the SYN or FIN under way */
    uint8_t opening;         /* enum ftun_opening, of either side */
    uint8_t quick_acks;      /* acknowledgments still sent at once */
    bool ack_due;            /* an ACK belongs at the end of this turn */
    bool peer_named_mss;     /* in its SYN-ACK: ftun does, Phantun does not */
    bool conversed;          /* data have come */
    bool timestamps;         /* in every segment, both ways (RFC 7323 3.2) */
    uint32_t unacknowledged; /* segments received since the last ACK sent */
};

/* True when the fields agree with each other: for debug builds, fuzzers and proofs. */
bool ftun_connection_valid(const struct ftun_connection *connection);

/* What one step asks of the caller, all of it before the next step. */
struct ftun_step {
    bool deliver;                  /* the payload goes to the application */
    bool established;              /* the handshake is done */
    enum ftun_close_reason closed; /* the application's flow has ended, and why */
    bool gone;                     /* nothing is left: the connection may be forgotten */
    bool repeat_opening;           /* the opening message is to be sent again */
    bool opening_ignored;          /* it was sent often enough: nobody answers */
    bool has_segment;              /* send `segment`, without payload */
    uint16_t ip_id;                /* of its IPv4 header */
    struct ftun_tcp_header segment;
};

/* Begin a client's connection, whose SYN leaves at `at_ns`; if that is not after `now_ns`, at once,
 * and the step holds it. `isn` is its first sequence number (ignored when the profile has none),
 * `mss` this end's, in bytes. `seed` is random: its IP id, flow label and timestamps begin there.
 * The profile outlives the connection. */
void ftun_connection_connect(struct ftun_connection *connection, uint64_t now_ns, uint64_t at_ns,
                             const struct ftun_profile *profile, uint32_t isn, uint16_t mss,
                             uint64_t seed, struct ftun_step *step);

/* The timestamp that a connection of this seed sends at this time (RFC 7323 5.4: a clock of its
 * own for each, so that they do not tell how long the host has been up). */
uint32_t ftun_connection_timestamp(uint64_t seed, uint64_t now_ns);

/* The flow label of a connection of this profile and seed. */
uint32_t ftun_connection_flow_label(const struct ftun_profile *profile, uint64_t seed);

/* Begin a server's connection from `ack`, the packet whose acknowledgment number completed a
 * cookie; `mss` is this end's, in bytes, and `seed` that of the SYN-ACK. Whether there are
 * timestamps is seen from the packet: they are in all that follow a SYN which offered them. The
 * packet itself is then given to ftun_connection_segment() like any other. */
void ftun_connection_accept(struct ftun_connection *connection, uint64_t now_ns,
                            const struct ftun_profile *profile, const struct ftun_tcp_header *ack,
                            uint16_t mss, uint8_t peer_window_scale, uint64_t seed);

/* The peer, or the path, takes segments of `mss` bytes of payload and options only. */
void ftun_connection_limit_mss(struct ftun_connection *connection, uint16_t mss);

/* A segment of this connection has come, with `payload_len` bytes in `segments` wire segments
 * (more than one when the kernel glued them). FTUN_TAKEN, or one of the refusals from
 * SEQUENCE_OUTSIDE_WINDOW to DATA_AFTER_CLOSE, UNSUPPORTED_SIMULTANEOUS_OPEN; the step counts
 * either way. */
enum ftun_refusal ftun_connection_segment(struct ftun_connection *connection, uint64_t now_ns,
                                          const struct ftun_tcp_header *tcp, size_t payload_len,
                                          size_t segments, struct ftun_step *step);

/* How many of `len` bytes, in datagrams of `stride` bytes (the last may be shorter), may be sent
 * now: whole datagrams only. 0 when the window is full or the connection not established. A window
 * that has been full for a retransmission timeout is given up: see connection.c. */
size_t ftun_connection_sendable(struct ftun_connection *connection, uint64_t now_ns, size_t len,
                                size_t stride);

/* The window did not let all through. If all that is in flight was lost, nothing that the peer gets
 * would make it acknowledge: an ACK at the end of this turn tells it how far this end has come. */
void ftun_connection_probe_window(struct ftun_connection *connection, uint64_t now_ns);

/* Send `len` bytes in `segments` segments: writes their (first) header, acknowledges on the way.
 * `ip_id` receives the IPv4 id. Asks for ftun_connection_sendable() >= len. */
void ftun_connection_data(struct ftun_connection *connection, uint64_t now_ns, size_t len,
                          size_t segments, struct ftun_tcp_header *header, uint16_t *ip_id);

/* The opening message is being sent: the steps of ftun_connection_timeout() ask for it again, until
 * it is answered. */
void ftun_connection_opening(struct ftun_connection *connection, uint64_t now_ns);
void ftun_connection_opening_answered(struct ftun_connection *connection);

/* The peer is to prove that it is still there: unless something is heard from it soon, probes are
 * sent, as when data have no answer. Nothing where it would not answer. */
void ftun_connection_ask(struct ftun_connection *connection, uint64_t now_ns);

/* In SYN_SENT: the SYN leaves at the next occasion. */
void ftun_connection_dial_now(struct ftun_connection *connection, uint64_t now_ns);

/* In SYN_SENT: the handshake times out at the next occasion. */
void ftun_connection_give_up_dialing(struct ftun_connection *connection);

/* True when a router's error that quotes this sequence number is believed (RFC 5927 4.1): it is in
 * flight, or was within FTUN_ACK_MEMORY, as acknowledgments jump over what was lost. */
bool ftun_connection_has_sent(const struct ftun_connection *connection, uint32_t sequence);

/* The next point in time at which ftun_connection_timeout() has something to do; FTUN_NEVER. */
uint64_t ftun_connection_deadline(const struct ftun_connection *connection,
                                  const struct ftun_timeouts *timeouts);

/* Do what is due at `now_ns`: at most one thing a call. */
void ftun_connection_timeout(struct ftun_connection *connection, uint64_t now_ns,
                             const struct ftun_timeouts *timeouts, struct ftun_step *step);

/* A connection that is gone stays in TIME_WAIT. */
void ftun_connection_linger(struct ftun_connection *connection, uint64_t now_ns);

/* The turn is over: send the ACK that is due, if one still is. */
void ftun_connection_end_turn(struct ftun_connection *connection, uint64_t now_ns,
                              struct ftun_step *step);

/* Close from this end: FIN, or RST where the peer knows no other way. */
void ftun_connection_close(struct ftun_connection *connection, uint64_t now_ns,
                           enum ftun_close_reason reason, struct ftun_step *step);

/* Forget it at once (RFC 9293 3.10.5): RST, where the peer still counts on this end. */
void ftun_connection_abort(struct ftun_connection *connection, enum ftun_close_reason reason,
                           struct ftun_step *step);

#endif
