#ifndef LOAD_PATTERN_H
#define LOAD_PATTERN_H

#include <stdint.h>

/*
 * Pseudo-random bytes to fill datagrams with. A datagram's content is a slice of one fixed pattern,
 * so that making it and verifying it cost a memcpy and a memcmp.
 */

/** The longest slice: more than any UDP datagram holds. */
enum { PATTERN_SLICE_MOST = 65536 };

/** Fill the pattern; call once before pattern_slice(). */
void pattern_prepare(void);

/** The slice that belongs to `key`: PATTERN_SLICE_MOST bytes, which stay valid and constant. */
const uint8_t *pattern_slice(uint64_t key);

/** Scatter: a permutation of the 64-bit numbers whose every output bit depends on all input bits.
 */
uint64_t pattern_mix(uint64_t value);

#endif
