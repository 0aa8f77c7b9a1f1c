#include "capture.h"

#include "limits.h"
#include "link_layer.h"

#include <errno.h>
#include <string.h>

enum {
    READ_BUFFER = 64 * 1024, /* bytes; the C library's own is 4096 */
    RECORD_HEADER = 16       /* bytes before each frame of a pcap file */
};

/* Time stamps may be anything; the core's clock must not overflow: 2^62 ns are 146 years. */
#define TIME_MAX_NS (UINT64_C(1) << 62)

bool ftun_capture_open_stream(struct ftun_capture *capture, FILE *stream, const char *name,
                              struct ftun_error *error)
{
    char reason[PCAP_ERRBUF_SIZE];
    *capture = (struct ftun_capture){0};
    setvbuf(stream, NULL, _IOFBF, READ_BUFFER);
    capture->pcap =
        pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO, reason);
    if (capture->pcap == NULL) {
        fclose(stream);
        return ftun_fail(error, "%s is no capture that can be read: %s", name, reason);
    }
    capture->link_type = pcap_datalink(capture->pcap);
    if (ftun_link_known(capture->link_type))
        return true;
    const char *link = pcap_datalink_val_to_name(capture->link_type);
    ftun_fail(error,
              "%s has link type %d (%s), which ftun-replay does not know; it knows Ethernet, raw "
              "IP, BSD loopback and Linux cooked",
              name, capture->link_type, link == NULL ? "unnamed" : link);
    ftun_capture_close(capture);
    return false;
}

bool ftun_capture_open(struct ftun_capture *capture, const char *path, struct ftun_error *error)
{
    if (strcmp(path, "-") == 0)
        return ftun_capture_open_stream(capture, stdin, "standard input", error);
    FILE *stream = fopen(path, "rbe");
    if (stream == NULL)
        return ftun_fail(error, "cannot open %s: %s", path, strerror(errno));
    return ftun_capture_open_stream(capture, stream, path, error);
}

static int64_t nanoseconds(const struct pcap_pkthdr *header)
{
    const int64_t ns = header->ts.tv_usec; /* asked for with NANO: nanoseconds */
    if (ns < 0)
        return 0;
    return ns < (int64_t)FTUN_SECOND ? ns : (int64_t)FTUN_SECOND - 1;
}

/* Time since the first frame; 0 for what claims to be older. */
static uint64_t since_first(const struct ftun_capture *capture, int64_t s, int64_t ns)
{
    if (s < capture->first_s)
        return 0;
    const uint64_t seconds = (uint64_t)s - (uint64_t)capture->first_s;
    if (seconds >= TIME_MAX_NS / FTUN_SECOND)
        return TIME_MAX_NS;
    const int64_t difference = (int64_t)(seconds * FTUN_SECOND) + ns - capture->first_ns;
    return difference < 0 ? 0 : (uint64_t)difference;
}

static void take_time(struct ftun_capture *capture, const struct pcap_pkthdr *header,
                      struct ftun_frame *frame)
{
    const int64_t s = header->ts.tv_sec;
    const int64_t ns = nanoseconds(header);
    if (capture->frames == 1) {
        capture->first_s = s;
        capture->first_ns = ns;
    }
    const uint64_t now_ns = since_first(capture, s, ns);
    frame->time_ran_backwards = now_ns < capture->now_ns || s < capture->first_s ||
                                (s == capture->first_s && ns < capture->first_ns);
    if (now_ns > capture->now_ns)
        capture->now_ns = now_ns;
    frame->now_ns = capture->now_ns;
}

enum ftun_capture_result ftun_capture_next(struct ftun_capture *capture, struct ftun_frame *frame,
                                           struct ftun_error *error)
{
    struct pcap_pkthdr *header;
    const int result = pcap_next_ex(capture->pcap, &header, &frame->data);
    if (result == PCAP_ERROR_BREAK)
        return FTUN_CAPTURE_END;
    if (result != 1) {
        ftun_fail(error, "the capture cannot be read beyond packet %llu: %s",
                  (unsigned long long)capture->frames, pcap_geterr(capture->pcap));
        return FTUN_CAPTURE_BROKEN;
    }
    capture->frames++;
    capture->bytes += RECORD_HEADER + header->caplen;
    frame->len = header->caplen;
    frame->original_len = header->len > header->caplen ? header->len : header->caplen;
    frame->number = capture->frames;
    take_time(capture, header, frame);
    return FTUN_CAPTURE_FRAME;
}

void ftun_capture_close(struct ftun_capture *capture)
{
    if (capture->pcap != NULL)
        pcap_close(capture->pcap);
    capture->pcap = NULL;
}
