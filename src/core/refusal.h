/* Why a packet or a datagram was not taken. Each refusal has one name, one counter, one text.
 *
 * truncated: bytes that the headers promise are missing;  malformed: the bytes contradict
 * themselves or their specification;  unsupported: legal, but ftun does not speak it;
 * not-ours: legal, but for somebody else. The rest are decisions of the connection and endpoint. */
#ifndef FTUN_CORE_REFUSAL_H
#define FTUN_CORE_REFUSAL_H

/* X(enumerator, counter name, text for people) */
#define FTUN_REFUSALS(X)                                                                           \
    X(NONE, "none", "taken")                                                                       \
    X(TRUNCATED_IP, "truncated-ip", "packet ends inside its IP header or before its IP length")    \
    X(TRUNCATED_TCP, "truncated-tcp", "packet ends inside its TCP header")                         \
    X(TRUNCATED_ICMP, "truncated-icmp", "ICMP message ends inside its header or quoted packet")    \
    X(MALFORMED_IP_VERSION, "malformed-ip-version", "IP version is neither 4 nor 6")               \
    X(MALFORMED_IP_HEADER, "malformed-ip-header", "IP header length is impossible")                \
    X(MALFORMED_IP_CHECKSUM, "malformed-ip-checksum", "IPv4 header checksum is wrong")             \
    X(MALFORMED_IP_SOURCE, "malformed-ip-source", "IP source is no host's address")                \
    X(MALFORMED_TCP_HEADER, "malformed-tcp-header", "TCP data offset is impossible")               \
    X(MALFORMED_TCP_OPTIONS, "malformed-tcp-options", "TCP option lengths do not add up")          \
    X(MALFORMED_TCP_FLAGS, "malformed-tcp-flags", "TCP flags that no TCP sends together")          \
    X(MALFORMED_TCP_CHECKSUM, "malformed-tcp-checksum", "TCP checksum is wrong")                   \
    X(MALFORMED_ICMP_CHECKSUM, "malformed-icmp-checksum", "ICMP checksum is wrong")                \
    X(MALFORMED_ICMP_MTU, "malformed-icmp-mtu",                                                    \
      "ICMPv6 names an MTU below IPv6's least (RFC 8201)")                                         \
    X(MALFORMED_FRAGMENT, "malformed-fragment",                                                    \
      "IP fragment whose offset or length is impossible")                                          \
    X(UNSUPPORTED_FRAGMENT, "unsupported-fragment", "IP fragment of something else than TCP")      \
    X(UNSUPPORTED_EXTENSION, "unsupported-extension", "IPv6 extension header that ftun skips not") \
    X(UNSUPPORTED_PROTOCOL, "unsupported-protocol", "neither TCP nor an ICMP error")               \
    X(UNSUPPORTED_SIMULTANEOUS_OPEN, "unsupported-simultaneous-open", "SYN answered by a SYN")     \
    X(TINY_FRAGMENT, "tiny-fragment", "first IP fragment without the whole TCP header (RFC 1858)") \
    X(FRAGMENT_OVERLAP, "fragment-overlap",                                                        \
      "IP fragments overlap: the packet is abandoned (RFC 5722)")                                  \
    X(FRAGMENT_ABANDONED, "fragment-abandoned", "IP fragment of a packet that has been abandoned") \
    X(FRAGMENT_DUPLICATE, "fragment-duplicate", "IP fragment that has arrived already")            \
    X(FRAGMENT_LIMIT, "fragment-limit", "packet in too many IP fragments: it is abandoned")        \
    X(FRAGMENT_TIMEOUT, "fragment-timeout", "packet whose other IP fragments never came")          \
    X(FRAGMENT_EVICTED, "fragment-evicted", "packet in IP fragments that yielded to newer ones")   \
    X(NOT_OURS_ADDRESS, "not-ours-address", "destination is not this tunnel's address or port")    \
    X(NOT_OURS_FLOW, "not-ours-flow", "segment of no known flow")                                  \
    X(NOT_OURS_ICMP, "not-ours-icmp", "ICMP error that quotes no live flow of ours")               \
    X(SEQUENCE_OUTSIDE_WINDOW, "sequence-outside-window", "sequence number outside the window")    \
    X(ACK_UNACCEPTABLE, "ack-unacceptable", "acknowledges what was never sent or long gone")       \
    X(TIMESTAMP_UNACCEPTABLE, "timestamp-unacceptable",                                            \
      "no timestamp where one was agreed on, or an old one (RFC 7323)")                            \
    X(ACK_MISSING, "ack-missing", "segment of a live connection without ACK")                      \
    X(RST_INEXACT, "rst-inexact", "RST whose sequence number is not exactly the next (RFC 5961)")  \
    X(FIN_INEXACT, "fin-inexact", "FIN that does not come next: its repetition will")              \
    X(SYN_IN_CONNECTION, "syn-in-connection", "SYN inside a live connection (RFC 5961)")           \
    X(DATA_AFTER_CLOSE, "data-after-close", "data for a flow that has been closed")                \
    X(DATAGRAM_EMPTY, "datagram-empty", "empty datagram: TCP has no segment for it")               \
    X(DATAGRAM_TOO_LARGE, "datagram-too-large", "datagram larger than a segment on this path")     \
    X(DATAGRAM_LIKE_RECORD, "datagram-like-record",                                                \
      "datagram that the server could take for a message of ftun's own")                           \
    X(WINDOW_FULL, "window-full", "the peer's receive window is exhausted")                        \
    X(PENDING_FULL, "pending-full", "too many datagrams waiting for a handshake")                  \
    X(FLOW_CLOSING, "flow-closing", "datagram for a flow that is being closed")                    \
    X(SHUTTING_DOWN, "shutting-down", "new flow, when all are being closed")                       \
    X(FLOW_LIMIT, "flow-limit", "the table of flows is full")                                      \
    X(SOURCE_LIMIT, "source-limit", "one address has as many flows as --max-flows-per-source")     \
    X(PORTS_EXHAUSTED, "ports-exhausted", "no free local port towards the server")                 \
    X(FAMILY_UNAVAILABLE, "family-unavailable", "no tunnel address of the server's IP family")

enum ftun_refusal {
#define FTUN_REFUSAL_ENUMERATOR(name, counter, text) FTUN_REFUSED_##name,
    FTUN_REFUSALS(FTUN_REFUSAL_ENUMERATOR)
#undef FTUN_REFUSAL_ENUMERATOR
        FTUN_REFUSAL_COUNT,
    FTUN_TAKEN = FTUN_REFUSED_NONE
};

/* The counter's name, lower case with dashes; static. Any value is allowed. */
const char *ftun_refusal_name(enum ftun_refusal refusal);

/* One line for people, without a final stop; static. Any value is allowed. */
const char *ftun_refusal_text(enum ftun_refusal refusal);

#endif
