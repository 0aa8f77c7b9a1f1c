#include "prove.h"
#include "tcp_options.h"

static void parse_exactly(size_t len)
{
    uint8_t block[FTUN_TCP_OPTIONS_MAX];
    struct ftun_tcp_options out;
    ftun_tcp_options_parse(any_bytes_at_end(block, sizeof block, len), len, &out);
    //@ assert out.window_scale <= FTUN_WINDOW_SCALE_MAX;
}

static void append(size_t len)
{
    uint8_t out[FTUN_TCP_OPTIONS_MAX];
    struct ftun_tcp_options values;
    any_bytes(&values, sizeof values);
    const size_t end =
        ftun_tcp_option_append(out, len, (enum ftun_tcp_option_kind)any_u8(), &values);
    //@ assert len <= end <= FTUN_TCP_OPTIONS_MAX;
}

static void append_aligned(size_t len)
{
    uint8_t out[FTUN_TCP_OPTIONS_MAX];
    struct ftun_tcp_options values;
    any_bytes(&values, sizeof values);
    const size_t end = ftun_tcp_option_append_aligned(out, len, any_u8(), any_u8(), &values);
    //@ assert end <= FTUN_TCP_OPTIONS_MAX;
}

int main(void)
{
    //@ loop unroll FTUN_TCP_OPTIONS_MAX + 1;
    for (size_t len = 0; len <= FTUN_TCP_OPTIONS_MAX; len++) {
        parse_exactly(len);
        append(len);
        append_aligned(len);
    }
    uint8_t out[FTUN_TCP_OPTIONS_MAX];
    ftun_tcp_timestamps_write(any_u32(), any_u32(), out);
    return 0;
}
