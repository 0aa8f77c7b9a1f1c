#include "connection_fixture.h"

#include "text.h"

const uint64_t start = 100 * FTUN_SECOND;
const uint64_t idle = 180 * FTUN_SECOND;
const struct ftun_timeouts timeouts = {180 * FTUN_SECOND, FTUN_NEVER, FTUN_NEVER};
const struct ftun_timeouts endless = {FTUN_NEVER, FTUN_NEVER, FTUN_NEVER};

struct ftun_connection c;
struct ftun_step step;
static char described[256];

static void write_flags(struct ftun_text *text, uint8_t flags)
{
    static const char letters[] = "FSRP.";
    for (unsigned i = 0; i < 5; i++)
        if ((flags & (1u << i)) != 0)
            ftun_text_char(text, letters[i]);
}

static void write_segment(struct ftun_text *text)
{
    ftun_text_char(text, ' ');
    write_flags(text, step.segment.flags);
    ftun_text_char(text, ' ');
    ftun_text_unsigned(text, step.segment.sequence);
    ftun_text_char(text, ' ');
    ftun_text_unsigned(text, step.segment.acknowledgment);
    ftun_text_char(text, ' ');
    ftun_text_unsigned(text, step.segment.window);
}

const char *describe(void)
{
    struct ftun_text text = ftun_text_start(described, sizeof described);
    if (step.deliver)
        ftun_text_string(&text, " deliver");
    if (step.established)
        ftun_text_string(&text, " established");
    if (step.closed != FTUN_STILL_OPEN) {
        ftun_text_string(&text, " closed(");
        ftun_text_string(&text, ftun_close_reason_text(step.closed));
        ftun_text_char(&text, ')');
    }
    if (step.has_segment)
        write_segment(&text);
    if (step.gone)
        ftun_text_string(&text, " gone");
    assert_true(ftun_connection_valid(&c));
    return described[0] == '\0' ? "nothing" : described + 1;
}

enum ftun_refusal receive_at(uint64_t now_ns, uint8_t flags, uint32_t sequence, uint32_t ack,
                             size_t payload_len)
{
    const struct ftun_tcp_header tcp = {
        .sequence = sequence, .acknowledgment = ack, .window = 501, .flags = flags};
    return ftun_connection_segment(&c, now_ns, &tcp, payload_len, payload_len > 0 ? 1 : 0, &step);
}

enum ftun_refusal receive(uint8_t flags, uint32_t sequence, uint32_t ack, size_t payload_len)
{
    return receive_at(start, flags, sequence, ack, payload_len);
}

void in_syn_sent(void)
{
    ftun_connection_connect(&c, start, start, &ftun_profile_linux, ISN, MSS, 77, &step);
}

void in_established(void)
{
    in_syn_sent();
    receive(FTUN_SYN | FTUN_ACK, PEER_ISN, ISN + 1, 0);
    c.quick_acks = 0;
}

void in_scaled(void)
{
    const struct ftun_tcp_header syn_ack = {.sequence = PEER_ISN,
                                            .acknowledgment = ISN + 1,
                                            .window = 501,
                                            .flags = FTUN_SYN | FTUN_ACK,
                                            .options = {3, 3, 7, 1},
                                            .options_len = 4};
    in_syn_sent();
    ftun_connection_segment(&c, start, &syn_ack, 0, 0, &step);
}

void in_fin_wait_1(void)
{
    in_established();
    ftun_connection_close(&c, start, FTUN_CLOSED_LOCALLY, &step);
}

void in_fin_wait_2(void)
{
    in_fin_wait_1();
    receive(FTUN_ACK, PEER_ISN + 1, ISN + 2, 0);
}

void in_closing(void)
{
    in_fin_wait_1();
    receive(FTUN_FIN | FTUN_ACK, PEER_ISN + 1, ISN + 1, 0);
}

void in_last_ack(void)
{
    in_established();
    receive(FTUN_FIN | FTUN_ACK, PEER_ISN + 1, ISN + 1, 0);
}

void in_time_wait(void)
{
    in_fin_wait_2();
    receive(FTUN_FIN | FTUN_ACK, PEER_ISN + 1, ISN + 2, 0);
}

const struct synchronized_state synchronized[6] = {
    {FTUN_ESTABLISHED, in_established}, {FTUN_FIN_WAIT_1, in_fin_wait_1},
    {FTUN_FIN_WAIT_2, in_fin_wait_2},   {FTUN_CLOSING, in_closing},
    {FTUN_LAST_ACK, in_last_ack},       {FTUN_TIME_WAIT, in_time_wait},
};
