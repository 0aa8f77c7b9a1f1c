/* The wire profile: what a peer or middlebox can see of an implementation, in one table. */
#ifndef FTUN_CORE_PROFILE_H
#define FTUN_CORE_PROFILE_H

#include "tcp_options.h"

struct ftun_profile {
    const char *name;
    bool random_isn;      /* else 0 */
    bool random_ip_id;    /* IPv4 id counts from a random start, as the kernel's; else 0 */
    bool push_bursts;     /* PSH on the last segment of a burst */
    bool close_by_reset;  /* the peer knows no FIN */
    bool respects_window; /* the peer acknowledges often enough for its window to mean something */
    bool resumes;         /* the peer may be ftun, whose flows go on over new connections */
    uint16_t syn_window;  /* of SYN and SYN-ACK, not scaled */
    uint8_t window_scale;
    uint16_t window; /* of all other segments, as on the wire */
    uint8_t ttl;     /* as it leaves the host */
    uint8_t syn_options_count;
    uint8_t syn_options[6]; /* enum ftun_tcp_option_kind, in order */
};

/* The host's own kernel, without timestamps. Source: a capture of Linux (pcaps/peers), and
 * tcp_options_write() for the order. */
extern const struct ftun_profile ftun_profile_linux;

/* Phantun 0.8, as seen in pcaps/peers. */
extern const struct ftun_profile ftun_profile_phantun;

/* Write the options of a SYN, or of the SYN-ACK that answers a SYN with the options `offered`
 * (NULL for a SYN): RFC 7323 2.2 and RFC 2018 2 forbid to answer with what was not offered.
 * `out` has room for FTUN_TCP_OPTIONS_MAX bytes. Returns the length, a multiple of 4. */
size_t ftun_profile_syn_options(const struct ftun_profile *profile, uint16_t mss,
                                const struct ftun_tcp_options *offered, uint8_t *out);

#endif
