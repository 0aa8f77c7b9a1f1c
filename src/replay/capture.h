/* Reading a capture file, pcap or pcapng, frame by frame; libpcap does the work. */
#ifndef FTUN_REPLAY_CAPTURE_H
#define FTUN_REPLAY_CAPTURE_H

#include "error.h"

#include <pcap/pcap.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct ftun_capture {
    pcap_t *pcap;
    int link_type;    /* DLT_..., one that link_layer.h knows */
    uint64_t frames;  /* read so far */
    uint64_t bytes;   /* of the file, read so far, about */
    uint64_t now_ns;  /* time of the last frame */
    int64_t first_s;  /* seconds of the first frame's time stamp */
    int64_t first_ns; /* and nanoseconds */
};

struct ftun_frame {
    const uint8_t *data; /* valid until the next call */
    size_t len;          /* bytes captured */
    size_t original_len; /* bytes that the frame had */
    uint64_t number;     /* from 1, as in every tool */
    uint64_t now_ns;     /* since the first frame; never less than that of the frame before */
    bool time_ran_backwards;
};

enum ftun_capture_result { FTUN_CAPTURE_FRAME, FTUN_CAPTURE_END, FTUN_CAPTURE_BROKEN };

/* Open the file at `path`; "-" is the standard input. False and the reason when there is no such
 * file, it is no capture, or has an unknown link type. */
bool ftun_capture_open(struct ftun_capture *capture, const char *path, struct ftun_error *error);

/* The same for an open stream, called `name` in errors. The stream is closed in any case, by
 * ftun_capture_close() when the capture has been opened. */
bool ftun_capture_open_stream(struct ftun_capture *capture, FILE *stream, const char *name,
                              struct ftun_error *error);

/* The next frame. FTUN_CAPTURE_BROKEN: the file ends inside a record or contradicts itself; `error`
 * says where. */
enum ftun_capture_result ftun_capture_next(struct ftun_capture *capture, struct ftun_frame *frame,
                                           struct ftun_error *error);

void ftun_capture_close(struct ftun_capture *capture);

#endif
