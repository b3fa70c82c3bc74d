// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The linears that one launch computes.
#pragma once

#include <cstddef>

#include "cuda/kernels/element.cuh"

namespace intarsia::kernels {

using Byte = unsigned char;
inline constexpr int max_members = 8;

struct LinearMember {
  const Byte* codes;
  const Half* scales; // null for f16
  float* y;
  std::size_t stride; // elements between y's rows
  int rows, end;      // end: blocks of this member and those before
};

// The member that a block belongs to; the block's number becomes that within the member.
INTARSIA_DEVICE int find_member(const LinearMember (&members)[max_members], int& block) {
  int member = 0, before = 0;
  while (block >= members[member].end) before = members[member++].end;
  block -= before;
  return member;
}

} // namespace intarsia::kernels
