// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The activation [tokens, width] that several linear layers read, and its rotated and its int8 form, each
// computed once for all of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/palette/rotation.h"

namespace intarsia {

// The rotated activation in int8. The integer kernels multiply by *inputs*, vectors of int8: one per token
// with one term, q = round(x / s), or two per token with a second term for the rounding error x - s q, in
// units of s / 254, about 15 bits together. Term k of token t is input t * terms + k. Columns are padded with
// zeros to a multiple of 64; values of input i begin at i * columns.
struct Int8Activation {
  std::size_t inputs = 0, columns = 0;
  std::span<const float> scales;       // [inputs]: s = max |x| / 127 of the first term, s / 254 of the second
  std::span<const std::int8_t> values; // [inputs, columns]
  std::span<const std::int32_t> sums; // [inputs, columns / 64 + 1]: prefix sums of the values, per 64 columns
  // In the layout of the kernel for that many inputs, one of the two: up to cpu_kernels::max_fused_inputs,
  // and more.
  std::span<const std::int8_t> expanded; // cpu_kernels::expand_activations()
  std::span<const std::int16_t> pairs;   // cpu_kernels::pair_activations()
  // Sum of the values of `blocks` blocks of 64 columns, from block `first_block` on.
  std::int32_t sum(std::size_t input, std::size_t first_block, std::size_t blocks) const {
    const std::int32_t* of = sums.data() + input * (columns / 64 + 1) + first_block;
    return of[blocks] - of[0];
  }
};

class LinearInput {
 public:
  // Buffers for up to `tokens` rows of up to `widest` columns. `terms`: of int8(), 1 or 2; 0: int8() is not
  // called.
  LinearInput(std::size_t tokens, std::size_t widest, std::size_t terms);
  static std::uint64_t bytes(std::size_t tokens, std::size_t widest, std::size_t terms);

  // Sets the activation, [tokens, width], which must not change or be freed while layers read it.
  void set(std::span<const float> plain, std::size_t tokens, std::size_t width);

  std::size_t tokens() const { return tokens_; }
  std::size_t terms() const { return terms_; }
  std::span<const float> plain() const { return plain_; }
  // Valid until the next set(). `rotation` may be null: not rotated.
  std::span<const float> rotated(const Rotation* rotation);
  Int8Activation int8(const Rotation* rotation);

 private:
  void quantize_token(std::size_t token);

  std::size_t terms_, tokens_ = 0, width_ = 0;
  std::span<const float> plain_;
  const Rotation* rotated_by_ = nullptr;
  bool is_rotated_ = false, is_int8_ = false; // by rotated_by_

  std::vector<float> rotated_, scales_;
  std::vector<std::int8_t> values_, expanded_;
  std::vector<std::int16_t> pairs_;
  std::vector<std::int32_t> sums_;
};

} // namespace intarsia
