/* One connection under a stream of operations, each a byte and its operands: segments near and far
 * from what is expected, data, acknowledgments, deadlines, a close. */
#include "connection.h"
#include "fuzz_input.h"
#include "fuzz_stream.h"
#include "mss.h"

static const struct ftun_timeouts timeouts = {FTUN_IDLE_TIMEOUT_DEFAULT, FTUN_KEEPALIVE_DEFAULT,
                                              FTUN_DEAD_AFTER_DEFAULT};

enum operation { PASS_TIME, WAIT_FOR_DEADLINE, END_TURN, CLOSE, SEND, RECEIVE, OPERATIONS };

struct run {
    struct ftun_connection connection;
    uint64_t now_ns;
    bool closed; /* the application's flow has been reported as ended */
    bool gone;
};

/* --- what must hold after each step ------------------------------------------------------- */

static void check_segment(const struct ftun_tcp_header *tcp)
{
    const uint8_t kinds = tcp->flags & (FTUN_SYN | FTUN_FIN | FTUN_RST);
    FUZZ_REQUIRE((tcp->flags & ~(FTUN_SYN | FTUN_FIN | FTUN_RST | FTUN_ACK)) == 0);
    FUZZ_REQUIRE((kinds & (kinds - 1)) == 0); /* at most one of them */
    FUZZ_REQUIRE(tcp->flags != 0);
    FUZZ_REQUIRE(tcp->options_len % 4 == 0 && tcp->options_len <= FTUN_TCP_OPTIONS_MAX);
}

static void check_step(struct run *run, const struct ftun_step *step)
{
    FUZZ_REQUIRE(ftun_connection_valid(&run->connection));
    FUZZ_REQUIRE(step->gone == (run->connection.state == FTUN_CLOSED));
    FUZZ_REQUIRE(step->closed == FTUN_STILL_OPEN || !run->closed);
    if (step->has_segment)
        check_segment(&step->segment);
    run->closed = run->closed || step->closed != FTUN_STILL_OPEN;
    run->gone = step->gone;
    FUZZ_REQUIRE(run->gone || ftun_connection_deadline(&run->connection, &timeouts) > 0);
}

/* --- operations --------------------------------------------------------------------------- */

/* Mostly near: a small number, shifted left by less than the four bits say. */
static uint32_t distance(struct fuzz_input *input, unsigned shift)
{
    return (uint32_t)(int32_t)(int16_t)fuzz_u16(input) << (shift & 15);
}

static void read_options(struct fuzz_input *input, struct ftun_tcp_header *tcp)
{
    size_t len;
    const uint8_t *options = fuzz_bytes(input, (size_t)(fuzz_u8(input) % 11) * 4, &len);
    tcp->options_len = (uint8_t)(len / 4 * 4); /* the parser gives multiples of 4 */
    memcpy(tcp->options, options, tcp->options_len);
}

/* A FIN that is not believed yet does not keep its data back. */
static bool is_taken(enum ftun_refusal refusal)
{
    return refusal == FTUN_TAKEN || refusal == FTUN_REFUSED_FIN_INEXACT;
}

static void segment(struct run *run, struct fuzz_input *input)
{
    struct ftun_connection *c = &run->connection;
    struct ftun_tcp_header tcp = {.flags = fuzz_u8(input)};
    tcp.window = fuzz_u16(input);
    const uint8_t shifts = fuzz_u8(input);
    tcp.sequence = c->rcv_nxt + distance(input, shifts);
    tcp.acknowledgment = c->snd_nxt + distance(input, shifts >> 4);
    const size_t payload_len = fuzz_u16(input);
    if ((tcp.flags & FTUN_SYN) != 0)
        read_options(input, &tcp);
    const size_t segments = payload_len == 0 ? 0 : 1 + fuzz_u8(input) % payload_len;
    const bool was_established = c->state == FTUN_ESTABLISHED;
    struct ftun_step step;
    const enum ftun_refusal refusal =
        ftun_connection_segment(c, run->now_ns, &tcp, payload_len, segments, &step);
    FUZZ_REQUIRE(refusal < FTUN_REFUSAL_COUNT);
    FUZZ_REQUIRE(!step.deliver || (was_established && payload_len > 0 && is_taken(refusal)));
    FUZZ_REQUIRE(!step.established || (!was_established && c->state == FTUN_ESTABLISHED));
    check_step(run, &step);
}

/* True when the whole burst could be sent. */
static bool send_burst(struct run *run, size_t len, size_t stride)
{
    struct ftun_connection *c = &run->connection;
    const size_t sendable = ftun_connection_sendable(c, run->now_ns, len, stride);
    FUZZ_REQUIRE(ftun_connection_valid(c));
    FUZZ_REQUIRE(sendable <= len && sendable % stride == 0);
    if (sendable == 0)
        return false;
    struct ftun_tcp_header tcp;
    uint16_t ip_id;
    const uint32_t first = c->snd_nxt;
    ftun_connection_data(c, run->now_ns, sendable, sendable / stride, &tcp, &ip_id);
    FUZZ_REQUIRE(tcp.sequence == first && c->snd_nxt == first + (uint32_t)sendable);
    FUZZ_REQUIRE(tcp.acknowledgment == c->rcv_nxt && (tcp.flags & FTUN_ACK) != 0);
    FUZZ_REQUIRE(ftun_connection_valid(c));
    return sendable == len;
}

/* Up to 16 MiB at once: few operations go round the sequence space. */
static void data(struct run *run, struct fuzz_input *input)
{
    const size_t stride = 1 + fuzz_u16(input) % run->connection.mss;
    const size_t most = FTUN_BURST_MAX / stride;
    const size_t len = stride * (1 + fuzz_u16(input) % most);
    const unsigned bursts = 1u + fuzz_u8(input);
    for (unsigned i = 0; i < bursts && send_burst(run, len, stride); i++)
        continue;
}

/* All that is due comes to an end. */
static void timeout(struct run *run)
{
    struct ftun_step step;
    for (unsigned i = 0; ftun_connection_deadline(&run->connection, &timeouts) <= run->now_ns;
         i++) {
        FUZZ_REQUIRE(i < 4);
        ftun_connection_timeout(&run->connection, run->now_ns, &timeouts, &step);
        check_step(run, &step);
    }
}

static void wait_for_deadline(struct run *run)
{
    const uint64_t deadline = ftun_connection_deadline(&run->connection, &timeouts);
    if (deadline != FTUN_NEVER && deadline > run->now_ns)
        run->now_ns = deadline;
    timeout(run);
}

static void end_turn(struct run *run)
{
    struct ftun_step step;
    ftun_connection_end_turn(&run->connection, run->now_ns, &step);
    check_step(run, &step);
    FUZZ_REQUIRE(!run->connection.ack_due);
}

static void close_it(struct run *run)
{
    struct ftun_step step;
    ftun_connection_close(&run->connection, run->now_ns, FTUN_CLOSED_LOCALLY, &step);
    check_step(run, &step);
}

static void happen(struct run *run, struct fuzz_input *input)
{
    switch ((enum operation)(fuzz_u8(input) % OPERATIONS)) {
    case PASS_TIME:
        run->now_ns += fuzz_duration(fuzz_u8(input));
        timeout(run);
        break;
    case WAIT_FOR_DEADLINE:
        wait_for_deadline(run);
        break;
    case END_TURN:
        end_turn(run);
        break;
    case CLOSE:
        close_it(run);
        break;
    case SEND:
        data(run, input);
        break;
    case RECEIVE:
    case OPERATIONS:
        segment(run, input);
        break;
    }
}

/* --- beginning ---------------------------------------------------------------------------- */

static void begin(struct run *run, struct fuzz_input *input)
{
    const uint8_t choice = fuzz_u8(input);
    const struct ftun_profile *profile =
        (choice & 1) != 0 ? &ftun_profile_phantun : &ftun_profile_linux;
    const uint16_t mss = ftun_mss_of_index((uint8_t)(1 + (choice >> 2) % 31));
    struct ftun_tcp_header ack = {.sequence = fuzz_u32(input)};
    ack.acknowledgment = fuzz_u32(input);
    struct ftun_step step = {0};
    if ((choice & 2) != 0)
        ftun_connection_accept(&run->connection, run->now_ns, profile, &ack, mss,
                               fuzz_u8(input) % (FTUN_WINDOW_SCALE_MAX + 1), 1);
    else
        ftun_connection_connect(&run->connection, run->now_ns, run->now_ns, profile,
                                ack.acknowledgment, mss, 1, &step);
    check_step(run, &step);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct fuzz_input input = {.data = bytes, .len = len};
    struct run run = {.now_ns = FTUN_SECOND};
    begin(&run, &input);
    while (!fuzz_is_empty(&input) && !run.gone)
        happen(&run, &input);
    return 0;
}
