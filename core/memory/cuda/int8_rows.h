// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Activations in int8 as the trellis kernels read them. Shared by host and device code.
//
// A row x of d_in activations becomes `terms` rows of bytes: q = x / s rounded to nearest even, with s = max
// |x| / 127; a second term is the rounding error x - s q in units of s / 254, so that both together have
// about 15 bits. Rows are padded with zeros to steps of 64 columns, 16 words each: word 4 p + c holds columns
// 16 p + c + {0, 4, 8, 12}, those that lane 4 g + c of mma.m16n8k32 multiplies by (core/palette/trellis.h).
// The sum of each step's bytes is stored too, to subtract the offset of the code (trellis_code.h).
#pragma once

#include <cstddef>
#include <cstdint>

namespace intarsia::cuda {

inline constexpr int int8_step_columns = 64, int8_step_words = 16;
// A second term costs nothing at batch 1 … 4, where columns of the tensor-core product would be unused.
inline constexpr int int8_terms = 2;
inline constexpr float int8_second = 254; // unit of the first term / unit of the second

constexpr int int8_steps(std::size_t d_in) { return int((d_in + 63) / 64); }

struct Int8Rows {
  std::uint32_t* words; // [rows, terms, int8_step_words * steps]
  int* sums;            // [rows, terms, steps]
  float* scales;        // [rows, terms]: the value of an integer 1
  int steps, terms;

  // Rows from `row` on.
  constexpr Int8Rows from(std::size_t row) const {
    const std::size_t first = row * std::size_t(terms), in_steps = first * std::size_t(steps);
    return {words + in_steps * int8_step_words, sums + in_steps, scales + first, steps, terms};
  }
};

// Bytes per row of words, sums and scales together.
constexpr std::size_t int8_row_bytes(std::size_t d_in, int terms) {
  return std::size_t(terms) * (std::size_t(int8_steps(d_in)) * 4 * (int8_step_words + 1) + 4);
}
// The arrays in `memory`, which is 16-byte aligned and has rows * int8_row_bytes() bytes.
inline Int8Rows int8_rows_in(void* memory, std::size_t rows, std::size_t d_in, int terms) {
  const int steps = int8_steps(d_in);
  const std::size_t all = rows * std::size_t(terms) * std::size_t(steps);
  auto* words = static_cast<std::uint32_t*>(memory);
  auto* sums = reinterpret_cast<int*>(words + all * int8_step_words);
  return {words, sums, reinterpret_cast<float*>(sums + all), steps, terms};
}

} // namespace intarsia::cuda
