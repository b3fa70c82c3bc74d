// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// NUQ and VQ in AVX-512 VNNI and VBMI; only where has_vnni().
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace intarsia::cpu_kernels::vnni {

// NUQ: the bytes of (value + 32768), each value at every index that ends in its code's bits.
struct ScalarTable {
  unsigned width; // bits of a code
  alignas(64) std::uint8_t low[256], high[256];
};

// VQ, codes of 8 bits or less: the low bytes of (first value + 2048) and of (second value + 2048), and the
// four bits above them, the second's in the upper half; at indices as above.
struct ShortPairTable {
  unsigned width;
  alignas(64) std::uint8_t first_low[256], second_low[256], high[256];
};

// VQ: two int16 a code of more than 8 bits, the first in the lower half.
struct PairTable {
  unsigned width;
  std::span<const std::uint32_t> pairs;
};

// sums[r] = sum over columns of (level + 32768) * x, for `count` rows of `row_bytes`. `x`: int8, padded with
// zeros to a multiple of 64.
void scalar_rows(const ScalarTable& table, const std::byte* codes, std::size_t row_bytes, std::size_t count,
                 std::size_t columns, const std::int8_t* x, std::int64_t* sums);
// The even and the odd ones of `columns` (a multiple of 64) values, each filled up with zeros to a multiple
// of 64.
void split_pairs(const std::int8_t* x, std::size_t columns, std::int8_t* even, std::int8_t* odd);
// sums[r] = sum over `pairs` (a multiple of 64) of (first + 2048) * even + (second + 2048) * odd.
void short_pair_rows(const ShortPairTable& table, const std::byte* codes, std::size_t row_bytes,
                     std::size_t count, std::size_t pairs, const std::int8_t* even, const std::int8_t* odd,
                     std::int64_t* sums);
// sums[r] = sum over columns of value * x.
void pair_rows(const PairTable& table, const std::byte* codes, std::size_t row_bytes, std::size_t count,
               std::size_t columns, const std::int8_t* x, std::int64_t* sums);

} // namespace intarsia::cpu_kernels::vnni
