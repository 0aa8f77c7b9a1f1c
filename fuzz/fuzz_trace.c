/* A packet as a line of text: in bounds of whatever buffer it gets, and never longer than
 * FTUN_TRACE_MAX says. */
#include "fuzz_input.h"
#include "trace.h"

static void require_line(const char *line, size_t capacity)
{
    const size_t len = strnlen(line, capacity);
    FUZZ_REQUIRE(len < capacity);
    for (size_t i = 0; i < len; i++)
        FUZZ_REQUIRE(line[i] >= ' ' && line[i] <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct fuzz_input input = {.data = data, .len = len};
    const size_t capacity = 1 + (size_t)fuzz_u8(&input);
    struct ftun_tunnel_packet packet = {.segment_size = fuzz_u16(&input)};
    packet.checksum_vouched = (fuzz_u8(&input) & 1) != 0;
    const uint8_t *bytes = fuzz_bytes(&input, SIZE_MAX, &packet.len);
    uint8_t *copy = fuzz_copy(bytes, packet.len);
    packet.data = copy;

    char *cut = fuzz_allocate(capacity);
    char *whole = fuzz_allocate(FTUN_TRACE_MAX);
    char *roomy = fuzz_allocate(2 * FTUN_TRACE_MAX);
    require_line(ftun_trace_packet(&packet, cut, capacity), capacity);
    require_line(ftun_trace_packet(&packet, whole, FTUN_TRACE_MAX), FTUN_TRACE_MAX);
    ftun_trace_packet(&packet, roomy, (size_t)2 * FTUN_TRACE_MAX);
    FUZZ_REQUIRE(strcmp(whole, roomy) == 0);
    FUZZ_REQUIRE(strncmp(cut, whole, strlen(cut)) == 0);

    free(roomy);
    free(whole);
    free(cut);
    fuzz_free(copy, packet.len);
    return 0;
}
