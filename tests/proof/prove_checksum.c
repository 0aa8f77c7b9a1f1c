#include "checksum.h"
#include "prove.h"

#define EXACT_MAX 128u

static void sum_of_exactly(size_t len)
{
    uint8_t block[EXACT_MAX];
    ftun_sum(any_bytes_at_end(block, sizeof block, len), len);
}

static void sum_of_any_packet(void)
{
    static uint8_t block[PROVE_PACKET_MAX];
    any_bytes(block, sizeof block);
    ftun_sum(block, any_size(0, sizeof block));
}

static void pseudo_header(void)
{
    struct ftun_address source, destination;
    any_bytes(&source, sizeof source);
    any_bytes(&destination, sizeof destination);
    ftun_sum_pseudo_header(&source, &destination, any_u8(), any_size(0, PROVE_PACKET_MAX));
}

int main(void)
{
    //@ loop unroll EXACT_MAX + 1;
    for (size_t len = 0; len <= EXACT_MAX; len++)
        sum_of_exactly(len);
    sum_of_any_packet();
    ftun_sum_add(any_u16(), any_u16());
    ftun_sum_concat(any_u16(), any_size(0, SIZE_MAX), any_u16());
    pseudo_header();
    return 0;
}
