// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// What the packed C++ library calls of glibc 2.36, for machines with an older one (tests/gpu/pack.sh).
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

// Random bits of the kernel's.
uint32_t arc4random(void) {
  uint32_t bits;
  if (getentropy(&bits, sizeof bits) != 0) abort();
  return bits;
}
