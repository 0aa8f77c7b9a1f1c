/* From frames of a capture to packets for the core: what the tunnel would have handed over.
 *
 * Captures differ from the wire in three ways that would look like faults of the packets:
 *  - a host that captures its own traffic sees TCP checksums that its NIC has yet to complete;
 *  - a snapshot length cuts long packets: the headers are there, the payload is not;
 *  - the link layer carries other things than IP.
 * The intake tells them apart. A cut packet is made whole with zeros, its checksum vouched for, so
 * that the core sees the length it had. */
#ifndef FTUN_REPLAY_INTAKE_H
#define FTUN_REPLAY_INTAKE_H

#include "capture.h"
#include "endpoint.h"

enum ftun_sight {
    FTUN_SIGHT_PACKET,  /* for the core */
    FTUN_SIGHT_CUT,     /* the capture cut it inside its headers: nothing can be said */
    FTUN_SIGHT_NOT_IP,  /* another protocol of the link layer */
    FTUN_SIGHT_NO_FRAME /* the frame ends inside its link header */
};

struct ftun_intake_packet {
    uint64_t number; /* of the frame, from 1 */
    uint64_t now_ns; /* the core's time; the first frame is at FTUN_INTAKE_START */
    enum ftun_sight sight;
    struct ftun_tunnel_packet packet; /* for FTUN_SIGHT_PACKET; valid until the next call */
    bool time_ran_backwards;
    bool cut;                  /* the payload is zeros, since the capture cut it */
    bool checksum_left_to_nic; /* the TCP checksum holds the pseudo-header's sum */
};

/* To begin: zero all, open `capture`, set `snap` and `exact`. */
struct ftun_intake {
    struct ftun_capture capture;
    size_t snap;    /* bytes: every packet is cut to so many, as if it had come like that */
    bool exact;     /* hand over blocks of exactly the packet's size, so that a sanitizer sees
                       a read beyond it */
    uint8_t *block; /* the last of these */
    size_t longest; /* bytes of the longest IP packet so far, before `snap` */
    uint8_t whole[FTUN_IP_PACKET_MAX]; /* a cut packet made whole */
};

#define FTUN_NO_SNAP SIZE_MAX

/* In a build with AddressSanitizer every packet gets a block of its own. */
#if defined(__SANITIZE_ADDRESS__)
#define FTUN_EXACT_BLOCKS true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FTUN_EXACT_BLOCKS true
#endif
#endif
#ifndef FTUN_EXACT_BLOCKS
#define FTUN_EXACT_BLOCKS false
#endif

/* The core's time at the first frame: a clock that has been running, as in production. */
#define FTUN_INTAKE_START (UINT64_C(1000) * FTUN_SECOND)

/* The next packet; as ftun_capture_next(). */
enum ftun_capture_result ftun_intake_next(struct ftun_intake *intake,
                                          struct ftun_intake_packet *packet,
                                          struct ftun_error *error);

/* Free the last block and close the capture. */
void ftun_intake_end(struct ftun_intake *intake);

/* ftun_packet_parse(), and should the checksum be one left to the NIC, once more with it vouched
 * for; that is then noted in `packet`. */
enum ftun_refusal ftun_intake_parse(struct ftun_intake_packet *packet, struct ftun_packet *out);

#endif
