/* A capture file, pcap or pcapng, of any bytes: libpcap, the link layer and what makes packets for
 * the core of its frames. */
#include "fuzz_input.h"
#include "intake.h"

static struct ftun_intake intake;

static void check_packet(struct ftun_intake_packet *packet, uint64_t number, uint64_t *now_ns)
{
    struct ftun_packet parsed;
    FUZZ_REQUIRE(packet->number == number);
    FUZZ_REQUIRE(packet->now_ns >= *now_ns && packet->now_ns < FTUN_NEVER / 2);
    *now_ns = packet->now_ns;
    if (packet->sight == FTUN_SIGHT_PACKET)
        ftun_intake_parse(packet, &parsed);
}

static void read_all(void)
{
    struct ftun_error error = {.text = ""};
    struct ftun_intake_packet packet;
    uint64_t number = 0;
    uint64_t now_ns = FTUN_INTAKE_START;
    enum ftun_capture_result result;
    while ((result = ftun_intake_next(&intake, &packet, &error)) == FTUN_CAPTURE_FRAME)
        check_packet(&packet, ++number, &now_ns);
    FUZZ_REQUIRE(result == FTUN_CAPTURE_END || error.text[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint8_t *copy = fuzz_copy(data, len);
    struct ftun_error error = {.text = ""};
    intake = (struct ftun_intake){.exact = true, .snap = FTUN_NO_SNAP};
    FILE *stream = len > 0 ? fmemopen(copy, len, "rb") : NULL;
    if (stream != NULL && ftun_capture_open_stream(&intake.capture, stream, "input", &error)) {
        read_all();
        ftun_intake_end(&intake);
    } else if (stream != NULL) {
        FUZZ_REQUIRE(error.text[0] != '\0');
    }
    fuzz_free(copy, len);
    return 0;
}
