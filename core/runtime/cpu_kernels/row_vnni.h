// SPDX-License-Identifier: GPL-3.0-or-later
// NUQ and VQ in AVX-512 VNNI and VBMI; only where has_vnni().
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace intarsia::cpu_kernels::vnni {

// NUQ, and one half of the pairs of a VQ with codes of 8 bits or less: the bytes of (value + 32768), each
// value at every index that ends in its code's bits.
struct ScalarTable {
  unsigned width; // bits of a code
  alignas(64) std::uint8_t low[256], high[256];
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
// sums[r] = sum over columns of value * x.
void pair_rows(const PairTable& table, const std::byte* codes, std::size_t row_bytes, std::size_t count,
               std::size_t columns, const std::int8_t* x, std::int64_t* sums);

} // namespace intarsia::cpu_kernels::vnni
