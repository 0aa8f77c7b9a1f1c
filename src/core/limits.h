/* Wire constants and limits of the core, each with its source. Read this file first. */
#ifndef FTUN_CORE_LIMITS_H
#define FTUN_CORE_LIMITS_H

#include <stdint.h>

/* Sizes on the wire, in bytes. */
#define FTUN_IP_PACKET_MAX 65535u /* RFC 791 3.1: 16-bit total length */
#define FTUN_IPV4_HEADER_MIN 20u  /* RFC 791 3.1: IHL 5 */
#define FTUN_IPV6_HEADER 40u      /* RFC 8200 3 */
#define FTUN_IPV6_EXTENSIONS_MAX \
    8u                           /* headers walked before giving up; RFC 8504 5.3 allows a bound */
#define FTUN_TCP_HEADER_MIN 20u  /* RFC 9293 3.1: data offset 5 */
#define FTUN_TCP_HEADER_MAX 60u  /* RFC 9293 3.1: data offset 15 */
#define FTUN_TCP_OPTIONS_MAX 40u /* what is left between the two */
#define FTUN_TCP_TIMESTAMPS 12u  /* RFC 7323 appendix A: two NOPs, and 10 bytes of option */
#define FTUN_ICMP_HEADER 8u      /* RFC 792, RFC 4443 2.1 */
#define FTUN_HEADERS_MAX 100u    /* longest header that ftun emits: IPv6 and TCP with options */

/* A burst with its headers must fit an IP packet, whatever the family and options. */
#define FTUN_BURST_MAX (FTUN_IP_PACKET_MAX - FTUN_HEADERS_MAX)

/* Path MTU, in bytes. */
#define FTUN_IPV4_MTU_MIN 552u  /* Linux net.ipv4.route.min_pmtu: what an ICMP message may force */
#define FTUN_IPV6_MTU_MIN 1280u /* RFC 8200 5 */

/* Time, in nanoseconds. */
#define FTUN_MILLISECOND UINT64_C(1000000)
#define FTUN_SECOND UINT64_C(1000000000)
#define FTUN_NEVER UINT64_MAX
#define FTUN_RETRANSMIT_TIMEOUT (1 * FTUN_SECOND) /* RFC 6298 2.1: initial RTO */
#define FTUN_SYN_RETRIES 4u /* Linux tcp_syn_linear_timeouts: so many at a constant interval */
#define FTUN_FIN_RETRIES 3u /* the peer may have gone for good: the fourth timeout is the last */
/* Linux waits TCP_RTO_MIN, 200 ms, and the round-trip time, and doubles it each time. So one that
 * is lost at shutdown is repeated before the process ends. */
#define FTUN_FIN_TIMEOUT (300 * FTUN_MILLISECOND)
#define FTUN_FIN_PATIENCE                                                  \
    (((1u << (FTUN_FIN_RETRIES + 1)) - 1) * FTUN_FIN_TIMEOUT) /* all of it \
                                                               */
#define FTUN_DELAYED_ACK (40 * FTUN_MILLISECOND)              /* Linux TCP_DELACK_MIN */
#define FTUN_QUICK_ACKS 16u /* Linux TCP_MAX_QUICKACKS, after the handshake */
/* TIME_WAIT only answers the peer's repeated FINs: datagrams may be duplicated anyway, so the
 * 2 MSL of RFC 9293 3.4.2 buy nothing here. */
#define FTUN_TIME_WAIT_DURATION (5 * FTUN_SECOND)
/* Probes of a connection that owes an answer: at this time after it was asked, then each time twice
 * as late. The first is where a retransmission would be on a path of 300 ms (RFC 6298 2.3). */
#define FTUN_PROBE_FIRST (500 * FTUN_MILLISECOND)
#define FTUN_PROBES_MAX 16u /* the last after 4.5 hours */
/* An answer that takes longer than two probes and the one after is doubtful. */
#define FTUN_DOUBT_AFTER (1500 * FTUN_MILLISECOND)
#define FTUN_DEAD_AFTER_DEFAULT (15 * FTUN_SECOND)
#define FTUN_KEEPALIVE_DEFAULT (30 * FTUN_SECOND)     /* NATs and firewalls forget after minutes */
#define FTUN_IDLE_TIMEOUT_DEFAULT (180 * FTUN_SECOND) /* Phantun's, and common for UDP in NATs */

/* IP reassembly. */
#define FTUN_REASSEMBLY_FRAGMENTS_MAX \
    128u /* of one packet: 64 KiB over links of FTUN_IPV4_MTU_MIN, 123 fragments */
/* Hosts wait for 15 to 120 s (RFC 791 3.2, RFC 1122 3.3.2, RFC 8200 4.5). A datagram that late is
 * of no use, and IPv4 ids have come round by then (RFC 4963 2). */
#define FTUN_REASSEMBLY_TIMEOUT (2 * FTUN_SECOND)

/* Sequence space, in bytes. */
#define FTUN_WINDOW_MAX (UINT32_C(1) << 26)  /* advertised, 64 MiB: 1 s of flight at 512 Mbit/s */
#define FTUN_LATE_WINDOW (UINT32_C(4) << 20) /* how far a reordered datagram may lag behind */
/* ms by which a timestamp may lag behind: longer than any network delays a packet (RFC 9293 3.4.1
 * speaks of minutes, for the sake of safety), shorter than it takes timestamps to wrap. */
#define FTUN_TIMESTAMP_LATE UINT32_C(60000)
#define FTUN_WINDOW_GROWTH 16u      /* bytes for each byte received */
#define FTUN_WINDOW_GROWS_FROM 536u /* by segments of RFC 9293 3.7.1's default MSS, or larger */
#define FTUN_WINDOW_SCALE_MAX 14u   /* RFC 7323 2.3 */
/* How far an ACK may lag behind at most: as far as the datagram that carries it. RFC 5961 5.2
 * allows the largest window, which leaves a blind attacker far less to guess. */
#define FTUN_ACK_WINDOW FTUN_LATE_WINDOW
#define FTUN_ACK_MEMORY FTUN_SECOND /* nor further than what was acknowledged this long ago */
/* Bytes that may be missing before a FIN: what the last burst carried. */
#define FTUN_FIN_GAP FTUN_IP_PACKET_MAX

/* Answers to strangers a second: RFC 5961 7 asks for a limit, Linux uses 1000. */
#define FTUN_ANSWERS_PER_SECOND 1000u

/* Between two challenge ACKs of one connection: Linux tcp_invalid_ratelimit. */
#define FTUN_CHALLENGE_INTERVAL (500 * FTUN_MILLISECOND)

/* Between two connections of one flow when they fail one after another: doubled each time, up to
 * the last value, and up to half as much again at random. One that has lasted is forgiven. */
#define FTUN_REDIAL_FIRST (100 * FTUN_MILLISECOND)
#define FTUN_REDIAL_LAST (1 * FTUN_SECOND)
#define FTUN_REDIAL_DOUBLINGS 5u /* 100, 200, 400, 800 ms */
#define FTUN_REDIAL_FORGIVEN (10 * FTUN_SECOND)

/* The same for a flow that has had no datagram, either way, for a while: nobody waits for it. */
#define FTUN_REDIAL_QUIET (10 * FTUN_SECOND)
#define FTUN_QUIET_AFTER (15 * FTUN_SECOND) /* as long as a path may go unanswered */

/* Between a handshake with one address of the server and one with the next: RFC 8305 5. */
#define FTUN_ATTEMPT_DELAY (250 * FTUN_MILLISECOND)

/* Between two questions of one connection what has become of a full window. */
#define FTUN_WINDOW_PROBE_INTERVAL (10 * FTUN_MILLISECOND)

/* Local ports of a client: Linux net.ipv4.ip_local_port_range. */
#define FTUN_PORT_FIRST 32768u
#define FTUN_PORT_LAST 60999u
#define FTUN_PORT_ATTEMPTS 64u /* random draws before a client says that ports are exhausted */

/* Workers: by the low six bits of the client's port, see steering.h. */
#define FTUN_PORT_CLASSES 64u
#define FTUN_WORKERS_MAX FTUN_PORT_CLASSES

/* A flow that has been heard this lately does not yield to a new one: longer than the interval
 * between WireGuard's persistent keepalives, 25 s. */
#define FTUN_YIELD_AFTER (30 * FTUN_SECOND)

/* Flow numbers are indices below ftun_endpoint_config.max_flows; this one is none of them. */
#define FTUN_NO_FLOW UINT32_MAX

/* Datagrams that one connecting flow keeps until its handshake is done. */
#define FTUN_PENDING_PER_FLOW 16u

/* Resumption: see resume_token.h. A flow that reconnects uses up one value of a chain each time;
 * a chain costs so many hashes when a flow begins. */
#define FTUN_RESUME_CHAIN 16u
#define FTUN_RESUME_SKIPS 4u   /* connections whose record the server may have missed, and one */
#define FTUN_RESUME_RETRIES 2u /* of a record without an answer: three seconds in all */

_Static_assert(FTUN_BURST_MAX < FTUN_WINDOW_MAX, "a burst always fits an open window");
_Static_assert(FTUN_HEADERS_MAX == FTUN_IPV6_HEADER + FTUN_TCP_HEADER_MAX, "longest headers");
_Static_assert(FTUN_TCP_OPTIONS_MAX == FTUN_TCP_HEADER_MAX - FTUN_TCP_HEADER_MIN, "RFC 9293 3.1");
_Static_assert(FTUN_FIN_PATIENCE < FTUN_TIME_WAIT_DURATION,
               "TIME_WAIT outlives the peer's last FIN");

_Static_assert((FTUN_PORT_CLASSES & (FTUN_PORT_CLASSES - 1)) == 0, "the low bits of a port");

_Static_assert(FTUN_FIN_RETRIES <= FTUN_SYN_RETRIES, "a bound for both");

#endif
