/* Not ftun's code: a bug put here on purpose, so that it is known that the fuzzing finds bugs. CI
 * fails when either engine does not find it within seconds (ci/fuzz --expect-crash).
 *
 * One byte is read behind the input, when that is a packet which is right from its checksums to its
 * window scale. To get there takes the mutator that repairs checksums, to notice takes the copy of
 * exact size and AddressSanitizer. */
#include "fuzz_input.h"
#include "packet.h"
#include "tcp_options.h"

static bool opens_and_scales(const struct ftun_tcp_header *tcp)
{
    struct ftun_tcp_options options;
    return (tcp->flags & FTUN_SYN) != 0 &&
           ftun_tcp_options_parse(tcp->options, tcp->options_len, &options) &&
           options.has_window_scale && options.window_scale == 7;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint8_t *copy = fuzz_copy(data, len);
    struct ftun_packet packet;
    if (ftun_packet_parse(copy, len, false, &packet) == FTUN_TAKEN &&
        packet.kind == FTUN_PACKET_SEGMENT && opens_and_scales(&packet.tcp)) {
        const volatile uint8_t *behind = copy + packet.payload_off + packet.payload_len;
        (void)*behind;
    }
    fuzz_free(copy, len);
    return 0;
}
