/* libFuzzer's half: https://github.com/google/fuzzing/blob/master/docs/structure-aware-fuzzing.md
 */
#include "mutate.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t len, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max, unsigned seed);

size_t fuzz_mutate_bytes(uint8_t *data, size_t len, size_t max, struct fuzz_random *random)
{
    (void)random; /* libFuzzer has its own, from -seed */
    return LLVMFuzzerMutate(data, len, max);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max, unsigned seed)
{
    struct fuzz_random random = {.state = seed | 1};
    return fuzz_mutate(data, len, max, &random);
}
