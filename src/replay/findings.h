/* What in a capture explains trouble: each kind one line for people, counted. */
#ifndef FTUN_REPLAY_FINDINGS_H
#define FTUN_REPLAY_FINDINGS_H

#include "summary.h"

/* X(enumerator, name, what was seen, what to do) */
#define FTUN_FINDINGS(X)                                                                          \
    X(TOO_BIG, "icmp-too-big", "a router says that packets are too big for its next link",        \
      "lower the MTU of what runs inside the tunnel")                                             \
    X(FRAGMENTS, "ip-fragments", "segments arrive in IP fragments",                               \
      "raise the MTU of the interface that cuts them, or lower that of what runs inside the "     \
      "tunnel")                                                                                   \
    X(MERGED, "merged-segments", "segments are longer than the MSS that was agreed",              \
      "the capturing host glues them (GRO, TSO): datagram counts are too low; capture elsewhere") \
    X(REFUSED, "handshake-refused", "a SYN was answered by RST",                                  \
      "nothing listens there, or it asks for another dialect")                                    \
    X(RESET, "reset", "a live connection was reset by its exact next number",                     \
      "the sender has closed, or was restarted; or a middlebox that sees both directions ended "  \
      "it")                                                                                       \
    X(RST_INEXACT, "rst-inexact", "an RST without the exact number, which ftun does not believe", \
      "a forgery, or a late one; other tunnels die of it")                                        \
    X(RST_STRANGER, "rst-without-flow", "an RST for no live connection",                          \
      "an end that has lost its state, or a host without the firewall rules that ftun sets up")   \
    X(UNREACHABLE, "icmp-unreachable", "a router or host says that it cannot be reached",         \
      "see which address it quotes: a firewall rejects, or a route is missing")                   \
    X(SYN_AGAIN, "syn-repeated", "a SYN was sent again",                                          \
      "the answer is lost or filtered: look at the other side")                                   \
    X(ONE_WAY, "one-way", "one side was never heard",                                             \
      "its packets are lost or filtered, or pass another way than the capture point")             \
    X(AGAIN, "repeated-segments", "the same bytes again, with the sender's usual TTL",            \
      "ftun and Phantun never repeat: the network duplicates, or a TCP retransmits")              \
    X(MIDDLEBOX, "middlebox-retransmission", "the same bytes again, with another TTL",            \
      "a middlebox retransmits: it terminates TCP, which adds delay under loss")                  \
    X(WINDOW, "window-exhausted", "the receiver's window is full or closed",                      \
      "the receiver is slow, or a middlebox judges windows; ftun drops datagrams then")           \
    X(CHECKSUM, "wrong-checksum", "TCP checksums are wrong",                                      \
      "a NIC was to complete them and did not: ethtool -K DEVICE tx off on the sender")           \
    X(OFFLOAD, "checksum-left-to-nic", "TCP checksums are left to the NIC",                       \
      "no fault: the capturing host sent these, or a virtual link passed them on")                \
    X(CUT, "cut-by-capture", "packets were cut by the capture's snapshot length",                 \
      "their checksums are not verified; capture with tcpdump -s 0 for that")                     \
    X(BACKWARDS, "time-backwards", "time stamps run backwards",                                   \
      "taken as no time having passed; merged captures want mergecap")

enum ftun_finding {
#define FTUN_FINDING_ENUMERATOR(name, word, seen, advice) FTUN_FOUND_##name,
    FTUN_FINDINGS(FTUN_FINDING_ENUMERATOR)
#undef FTUN_FINDING_ENUMERATOR
        FTUN_FINDING_COUNT
};

struct ftun_findings {
    struct ftun_tally at[FTUN_FINDING_COUNT];
    char first[FTUN_FINDING_COUNT][160]; /* of each, the first packet's particulars; may be empty */
};

/* A packet shows this. True the first time: then `findings->first` is to be filled. */
static inline bool ftun_findings_note(struct ftun_findings *findings, enum ftun_finding finding,
                                      uint64_t number)
{
    ftun_tally_add(&findings->at[finding], number, 1);
    return findings->at[finding].count == 1;
}

/* Its word, what was seen, what to do; static. */
const char *ftun_finding_name(enum ftun_finding finding);
const char *ftun_finding_seen(enum ftun_finding finding);
const char *ftun_finding_advice(enum ftun_finding finding);

#endif
