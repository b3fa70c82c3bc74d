// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// Activations as the trellis kernels read them: one or two signed bytes each. Shared by host and device.
//
// A row x of d_in activations becomes `terms` rows of bytes: q = x / s rounded to nearest even, with
// s = max |x| / 127; the second term is what the first left, x - s q, in units of s / 254, so that both
// together have about 15 bits. Rows are filled up with zeros to steps of 64 columns, 16 words each: word
// 4 p + c has columns 16 p + c + {0, 4, 8, 12}, the ones that a lane of mma.m16n8k32 multiplies by (lane
// 4 g + c; core/palette/trellis.h). Beside the bytes is the sum of each step's, for the offset of the code.
#pragma once

#include <cstddef>
#include <cstdint>

namespace intarsia::cuda {

inline constexpr int int8_step_columns = 64, int8_step_words = 16;
// One term more costs nothing at batch 1 … 4, where a product's columns would be idle.
inline constexpr int int8_terms = 2;
inline constexpr float int8_second = 254; // second terms in one of the first

constexpr int int8_steps(std::size_t d_in) { return int((d_in + 63) / 64); }

struct Int8Rows {
  std::uint32_t* words; // [rows, terms, int8_step_words * steps]
  int* sums;            // [rows, terms, steps]
  float* scales;        // [rows, terms]: what one stands for
  int steps, terms;

  constexpr Int8Rows from(std::size_t row) const {
    const std::size_t first = row * std::size_t(terms), in_steps = first * std::size_t(steps);
    return {words + in_steps * int8_step_words, sums + in_steps, scales + first, steps, terms};
  }
};

constexpr std::size_t int8_row_bytes(std::size_t d_in, int terms) {
  return std::size_t(terms) * (std::size_t(int8_steps(d_in)) * 4 * (int8_step_words + 1) + 4);
}
// In 16-byte aligned memory of `rows` times int8_row_bytes().
inline Int8Rows int8_rows_in(void* memory, std::size_t rows, std::size_t d_in, int terms) {
  const int steps = int8_steps(d_in);
  const std::size_t all = rows * std::size_t(terms) * std::size_t(steps);
  auto* words = static_cast<std::uint32_t*>(memory);
  auto* sums = reinterpret_cast<int*>(words + all * int8_step_words);
  return {words, sums, reinterpret_cast<float*>(sums + all), steps, terms};
}

} // namespace intarsia::cuda
