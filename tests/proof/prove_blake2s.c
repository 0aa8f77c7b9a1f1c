#include "blake2s.h"
#include "prove.h"

int main(void)
{
    static uint8_t block[FTUN_BLAKE2S_BLOCK];
    static uint8_t hash[FTUN_BLAKE2S_MAX];
    const size_t len = any_size(0, sizeof block);
    const size_t out_len = any_size(1, sizeof hash);
    any_bytes(block, sizeof block);
    ftun_blake2s(block, len, hash, out_len);
    return 0;
}
