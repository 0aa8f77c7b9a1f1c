#include "bytes.h"
#include "prove.h"

int main(void)
{
    uint8_t two[2], four[4], eight[8];
    ftun_store_be16(two, any_u16());
    ftun_store_be32(four, any_u32());
    ftun_store_be64(eight, any_u64());
    any_bytes(eight, sizeof eight);
    const uint16_t half = ftun_load_be16(two);
    const uint32_t word = ftun_load_be32(four);
    const uint64_t both = ftun_load_le64(eight) + ftun_load_be64(eight);
    return half + word + ftun_load_le32(four) + both > 0;
}
