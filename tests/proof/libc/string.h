/* The four memory functions that the core calls, with contracts for the prover.
 *
 * Frama-C's own header forbids a pointer one past the end of an array even where no byte is
 * touched, which `memcpy(out, data + len, 0)` needs. C leaves it open up to C17 (7.24.1) and allows
 * it since (N3322, accepted for C2y). Everything else is as strict as there. */
#ifndef FTUN_PROOF_STRING_H
#define FTUN_PROOF_STRING_H

#include <stddef.h>

/*@ requires valid_to: n == 0 || \valid((char *)to + (0 .. n - 1));
  @ requires valid_from: n == 0 || \valid_read((char *)from + (0 .. n - 1));
  @ requires apart: n == 0 || \separated((char *)to + (0 .. n - 1), (char *)from + (0 .. n - 1));
  @ assigns ((char *)to)[0 .. n - 1] \from ((char *)from)[0 .. n - 1];
  @ assigns \result \from to;
  @ ensures \result == to;
  @*/
void *memcpy(void *restrict to, const void *restrict from, size_t n);

/*@ requires valid_to: n == 0 || \valid((char *)to + (0 .. n - 1));
  @ requires valid_from: n == 0 || \valid_read((char *)from + (0 .. n - 1));
  @ assigns ((char *)to)[0 .. n - 1] \from ((char *)from)[0 .. n - 1];
  @ assigns \result \from to;
  @ ensures \result == to;
  @*/
void *memmove(void *to, const void *from, size_t n);

/*@ requires valid_to: n == 0 || \valid((char *)to + (0 .. n - 1));
  @ assigns ((char *)to)[0 .. n - 1] \from value;
  @ assigns \result \from to;
  @ ensures \result == to;
  @*/
void *memset(void *to, int value, size_t n);

/*@ requires valid_a: n == 0 || \valid_read((char *)a + (0 .. n - 1));
  @ requires valid_b: n == 0 || \valid_read((char *)b + (0 .. n - 1));
  @ requires initialized_a: n == 0 || \initialized((char *)a + (0 .. n - 1));
  @ requires initialized_b: n == 0 || \initialized((char *)b + (0 .. n - 1));
  @ assigns \result \from ((char *)a)[0 .. n - 1], ((char *)b)[0 .. n - 1];
  @*/
int memcmp(const void *a, const void *b, size_t n);

#endif
