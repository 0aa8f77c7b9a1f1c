#include "prove.h"
#include "tcp.h"

#define EXACT_MAX 80u

static void parse_exactly(size_t len)
{
    uint8_t block[EXACT_MAX];
    struct ftun_tcp_header header;
    const uint8_t *segment = any_bytes_at_end(block, sizeof block, len);
    if (ftun_tcp_parse(segment, len, &header) == FTUN_TAKEN) {
        //@ assert header.options_len <= FTUN_TCP_OPTIONS_MAX;
        //@ assert FTUN_TCP_HEADER_MIN + header.options_len <= len;
    }
}

static void parse_any_segment(void)
{
    static uint8_t block[PROVE_PACKET_MAX];
    any_bytes(block, sizeof block);
    struct ftun_tcp_header header;
    ftun_tcp_parse(block, any_size(0, sizeof block), &header);
}

static void emit(uint8_t options_len)
{
    struct ftun_tcp_header header;
    any_bytes(&header, sizeof header);
    header.options_len = options_len;
    uint8_t block[FTUN_TCP_HEADER_MAX];
    ftun_tcp_emit(&header, block + sizeof block - ftun_tcp_header_len(&header));
}

int main(void)
{
    //@ loop unroll EXACT_MAX + 1;
    for (size_t len = 0; len <= EXACT_MAX; len++)
        parse_exactly(len);
    parse_any_segment();
    //@ loop unroll FTUN_TCP_OPTIONS_MAX / 4 + 1;
    for (uint8_t options_len = 0; options_len <= FTUN_TCP_OPTIONS_MAX; options_len += 4)
        emit(options_len);
    return 0;
}
