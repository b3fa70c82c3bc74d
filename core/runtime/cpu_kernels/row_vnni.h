// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Inner loops of row_product.h in AVX-512 VNNI and VBMI; to be called only where has_vnni(). Codebook entries
// are stored with an offset that makes them unsigned; the caller subtracts offset * sum of x.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/runtime/cpu_kernels/row_gather.h"

namespace intarsia::cpu_kernels::vnni {

// NUQ: low and high byte of (entry + 32768). `width` < 8: the entry of a code is repeated at every index
// whose low `width` bits are the code.
struct ScalarTable {
  unsigned width; // bits of a code
  alignas(64) std::uint8_t low[256], high[256];
};

// VQ with codes of up to 8 bits, two weights per code: the low bytes of (first + 2048) and of (second +
// 2048), and in `high` bits 8 to 11 of both, the second's in the upper half. Indices as above.
struct ShortPairTable {
  unsigned width;
  alignas(64) std::uint8_t first_low[256], second_low[256], high[256];
};

// sums[r] = sum over columns of (entry + 32768) * x, for `count` rows of `row_bytes` bytes each. x: padded
// with zeros to a multiple of 64.
void scalar_rows(const ScalarTable& table, const std::byte* codes, std::size_t row_bytes, std::size_t count,
                 std::size_t columns, const std::int8_t* x, std::int64_t* sums);
// Splits `columns` values (a multiple of 64) into those of even and of odd columns, each padded with zeros to
// a multiple of 64.
void split_pairs(const std::int8_t* x, std::size_t columns, std::int8_t* even, std::int8_t* odd);
// sums[r] = sum over `pairs` (a multiple of 64) of (first + 2048) * even + (second + 2048) * odd.
void short_pair_rows(const ShortPairTable& table, const std::byte* codes, std::size_t row_bytes,
                     std::size_t count, std::size_t pairs, const std::int8_t* even, const std::int8_t* odd,
                     std::int64_t* sums);
// sums[r] = sum over columns of weight * x, for unsigned weights of a byte each; `columns`: a multiple of 64.
void byte_rows(const std::uint8_t* weights, std::size_t row_bytes, std::size_t count, std::size_t columns,
               const std::int8_t* x, std::int64_t* sums);
// gather_rows() of VQ with codes of more than 8 bits.
void pair_rows(const PairTable& table, const std::byte* codes, std::size_t row_bytes, std::size_t count,
               std::size_t columns, const std::int8_t* x, std::int64_t* sums);

} // namespace intarsia::cpu_kernels::vnni
