/* Maximum segment sizes: the largest datagrams that ftun carries.
 *
 * A SYN cookie has five bits for the client's MSS, so there are 31 sizes: those of paths that exist
 * (mss.c), and between them. Both ends round down to one of them, so that what one announces is
 * what the other remembers. */
#ifndef FTUN_CORE_MSS_H
#define FTUN_CORE_MSS_H

#include "address.h"

#define FTUN_MSS_INDEX_BITS 5u

/* The largest size whose segment fits a path of `mtu` bytes. */
uint16_t ftun_mss(enum ftun_family family, uint16_t mtu);

/* The index of the largest size that is at most `mss` bytes; never 0, which says "not known". A
 * smaller `mss` than any is taken as the least, as Linux does (TCP_MIN_MSS). */
uint8_t ftun_mss_index(uint16_t mss);

/* The size of an index; 0 for 0. */
uint16_t ftun_mss_of_index(uint8_t index);

#endif
