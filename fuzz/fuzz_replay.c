/* ftun-replay as a whole: a stream, its first byte the options, becomes a capture of IP packets,
 * which is read to its end; twice, if they say so, and with the same result. */
#include "bytes.h"
#include "fuzz_stream.h"
#include "intake.h"
#include "replay.h"

#include <sys/mman.h>
#include <unistd.h>

enum {
    CAPTURE_MAX = 1 << 20, /* bytes */
    FILE_HEADER = 24,      /* bytes: pcap-savefile(5) */
    FRAME_HEADER = 16,
    LINK_RAW = 101 /* LINKTYPE_RAW */
};

struct writer {
    uint8_t bytes[CAPTURE_MAX];
    size_t len;
    uint64_t now_ns;
};

/* --- the capture -------------------------------------------------------------------------- */

static void put(struct writer *writer, uint32_t value)
{
    ftun_store_be32(writer->bytes + writer->len, value);
    writer->len += 4;
}

static void put_file_header(struct writer *writer)
{
    put(writer, 0xa1b23c4d);  /* nanoseconds, big-endian */
    put(writer, 2 << 16 | 4); /* version 2.4 */
    put(writer, 0);
    put(writer, 0);
    put(writer, FTUN_IP_PACKET_MAX);
    put(writer, LINK_RAW);
}

/* Argument: how many bytes the capture has cut off. */
static void put_packet(struct writer *writer, const struct fuzz_record *record)
{
    if (writer->len + FRAME_HEADER + record->len > CAPTURE_MAX)
        return;
    put(writer, (uint32_t)(writer->now_ns / FTUN_SECOND));
    put(writer, (uint32_t)(writer->now_ns % FTUN_SECOND));
    put(writer, (uint32_t)record->len);
    put(writer, (uint32_t)record->len + record->argument);
    if (record->len > 0)
        memcpy(writer->bytes + writer->len, record->data, record->len);
    writer->len += record->len;
}

static void write_capture(struct writer *writer, struct fuzz_input *input)
{
    struct fuzz_record record;
    writer->len = 0;
    writer->now_ns = 0;
    put_file_header(writer);
    while (fuzz_record_next(input, &record)) {
        if (record.kind == FUZZ_RECORD_TIME)
            writer->now_ns += fuzz_duration(record.argument);
        else
            put_packet(writer, &record);
    }
}

/* In memory, but with a path: the same one each time. */
static const char *store(const struct writer *writer)
{
    static int fd = -1;
    static char path[64];
    if (fd < 0) {
        fd = memfd_create("capture", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    FUZZ_REQUIRE(ftruncate(fd, 0) == 0);
    FUZZ_REQUIRE(pwrite(fd, writer->bytes, writer->len, 0) == (ssize_t)writer->len);
    return path;
}

/* --- the replay --------------------------------------------------------------------------- */

static char *replay(const struct ftun_replay_options *options)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    FUZZ_REQUIRE(out != NULL);
    FUZZ_REQUIRE(ftun_replay_print(options, out) == FTUN_REPLAY_OK);
    fclose(out);
    FUZZ_REQUIRE(strlen(text) == len);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct writer writer;
    struct fuzz_input input = {.data = data, .len = len};
    const uint8_t choice = fuzz_u8(&input);
    write_capture(&writer, &input);
    const struct ftun_replay_options options = {
        .capture = store(&writer),
        .role = (enum ftun_replay_role)((choice & 3) % 3),
        .snap = (choice & 16) != 0 ? 48 : FTUN_NO_SNAP,
        .events = (choice & 32) != 0,
        .json = (choice & 64) != 0 && (choice & 32) == 0,
    };
    char *once = replay(&options);
    if ((choice & 128) != 0) {
        char *again = replay(&options);
        FUZZ_REQUIRE(strcmp(once, again) == 0);
        free(again);
    }
    free(once);
    return 0;
}
