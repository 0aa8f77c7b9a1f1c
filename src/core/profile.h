/* The wire profile: what a peer or middlebox can see of an implementation, in one table. */
#ifndef FTUN_CORE_PROFILE_H
#define FTUN_CORE_PROFILE_H

#include "tcp_options.h"

struct ftun_profile {
    const char *name;
    bool random_isn;         /* else 0 */
    bool random_ip_id;       /* IPv4 id counts from a random start, as the kernel's; else 0 */
    bool flow_label;         /* of IPv6: random, one a connection (RFC 6437 3), not 0 */
    bool push_bursts;        /* PSH on the last segment of a burst */
    bool close_by_reset;     /* the peer knows no FIN */
    bool acknowledges_often; /* the peer does, so that its window means something */
    bool resumes;            /* the peer may be ftun, whose flows go on over new connections */
    bool host_windows;       /* the next two are only what they are on most hosts */
    uint32_t receive_space;  /* bytes: the first window is as many whole segments as fit */
    uint8_t window_scale;    /* at most FTUN_WINDOW_SCALE_MAX */
    bool timestamps;         /* a SYN offers them (RFC 7323 3), if they are among its options */
    uint8_t ttl;             /* as it leaves the host */
    uint8_t syn_options_count;
    uint8_t syn_options[4]; /* enum ftun_tcp_option_kind, in order; NOPs align them */
};

/* The host's own kernel. */
extern const struct ftun_profile ftun_profile_linux;

/* Phantun 0.8, as seen in pcaps/peers. */
extern const struct ftun_profile ftun_profile_phantun;

/* What a profile takes from the host (net.ipv4.tcp_rmem, net.core.rmem_max) and from its user. */
struct ftun_host {
    uint32_t receive_space; /* bytes; 0: the host is not known, and the profile's values stay */
    uint8_t window_scale;   /* at most FTUN_WINDOW_SCALE_MAX */
    bool timestamps;        /* a client offers them */
};

/* A profile as it is on this host. */
struct ftun_profile ftun_profile_on_host(const struct ftun_profile *profile,
                                         const struct ftun_host *host);

/* The first window of a connection, in bytes, as tcp_select_initial_window() chooses it: a multiple
 * of `payload`, the bytes of a full segment as far as known. */
uint32_t ftun_profile_first_window(const struct ftun_profile *profile, uint16_t payload);

/* Its window field in a SYN or SYN-ACK, where it is not scaled (RFC 7323 2.2). */
uint16_t ftun_profile_syn_window(const struct ftun_profile *profile, uint16_t payload);

/* True when connections of this profile can have timestamps. */
bool ftun_profile_knows_timestamps(const struct ftun_profile *profile);

/* Write the options of a SYN, or of the SYN-ACK that answers a SYN with the options `offered`
 * (NULL for a SYN): RFC 7323 1.3 and RFC 2018 2 forbid to answer with what was not offered.
 * `values` are this end's MSS and timestamps. `out` has room for FTUN_TCP_OPTIONS_MAX bytes.
 * Returns the length, a multiple of 4. */
size_t ftun_profile_syn_options(const struct ftun_profile *profile,
                                const struct ftun_tcp_options *values,
                                const struct ftun_tcp_options *offered, uint8_t *out);

#endif
