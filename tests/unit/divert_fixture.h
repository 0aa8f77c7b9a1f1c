/* The divert programs, loaded into the kernel, which runs them on packets of the test's: needs
 * root. A network namespace of the test's own has the TUNs and their routes. */
#ifndef FTUN_TESTS_DIVERT_FIXTURE_H
#define FTUN_TESTS_DIVERT_FIXTURE_H

#include "divert.h"
#include "packet.h"
#include "tun.h"
#include "unit.h"

enum {
    PACKET_MAX = 512, /* bytes */
    PORT = 4567,      /* the server's */
    CLIENT_PORT = 40001
};

/* What the programs say: linux/pkt_cls.h, TC_ACT_UNSPEC, _REDIRECT, _SHOT. */
enum verdict { PASS = -1, DROP = 2, TAKE = 7 };

extern struct ftun_divert *divert;
extern struct ftun_tun tun;
extern struct ftun_address here[2], there[2]; /* this host's addresses, the peer's: IPv4, IPv6 */

int enter_namespace(void **state);

struct ftun_divert_config divert_server(void);
struct ftun_divert_config divert_client(void);

/* Load the programs, with a TUN, which is set, the host's addresses, and a client's server. */
void load_divert(struct ftun_divert_config config);

/* Load them again, with the same TUN. */
void reload_divert(struct ftun_divert_config config);

int close_divert(void **state);

struct made {
    uint8_t bytes[PACKET_MAX];
    size_t len;
};

/* A segment of `from` to `to` with 8 bytes of payload, checksums right. */
struct made segment(struct ftun_socket_address from, struct ftun_socket_address to, uint8_t flags);

/* From the peer to the server or client under test, of the IP version 4 or 6. */
struct made to_server(int version);
struct made to_client(int version);

/* The other way round. */
struct made from_server(int version);

/* The same packet with these bytes behind its IP header; extension headers begin with the next
 * header's number, which is filled in. */
struct made with_options(const struct made *packet, const uint8_t *options, size_t len);
struct made with_extension(const struct made *packet, uint8_t kind, const uint8_t *bytes,
                           size_t len);

/* The fragment of `packet` from `offset` on, of `len` bytes, behind the IP header. */
struct made fragment(const struct made *packet, uint32_t id, size_t offset, size_t len);

/* An ICMP error of a router about this packet. */
struct made error_about(const struct made *packet, uint8_t type, uint8_t code);

/* Make the IPv4 header's checksum right, and that of an ICMP message. */
void mend(struct made *packet);

/* As it comes by an Ethernet link, to the link's own address or that of another. */
enum verdict arrives(const struct made *packet);
enum verdict arrives_for_other(const struct made *packet);
enum verdict arrives_as(const struct made *packet, uint16_t ethertype);

/* As often: how many of them were taken. */
uint64_t arrives_times(const struct made *packet, uint32_t times);

/* As ftun writes it to the TUN; `segment_size`: as a super-segment, or 0. */
enum verdict leaves(const struct made *packet, uint32_t segment_size);

struct ftun_divert_counters divert_counted(void);

#endif
