// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Inner loop of row_product.h without AVX-512: two weights at a time are gathered from a table (Highway).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace intarsia::cpu_kernels {

// Two neighbouring weights of a row for each code of `width` bits: int16, the first in the lower half. VQ's
// code, or two of NUQ's.
struct PairTable {
  unsigned width;
  std::span<const std::uint32_t> pairs; // [1 << width]
};
inline constexpr unsigned max_pair_width = 12;

// sums[r] = sum over columns of value * x, for `count` rows of `row_bytes` bytes each; exact. Codes lie one
// behind the other, the first in the lowest bits. x: padded with zeros to a multiple of 64.
void gather_rows(const PairTable& table, const std::byte* codes, std::size_t row_bytes, std::size_t count,
                 std::size_t columns, const std::int8_t* x, std::int64_t* sums);

} // namespace intarsia::cpu_kernels
